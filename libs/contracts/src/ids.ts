/**
 * Every id is `<prefix>_<26 characters>`: a UUIDv7 in Crockford's base32, lower case. They sort by the time they were made,
 * so a primary key is also the order of a list.
 */
import { z } from 'zod';

export const ID_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export const idPrefixes = {
  generation: 'gen',
  stage: 'stg',
  artifact: 'art',
  upload: 'upl',
  batch: 'bat',
  preset: 'pre',
  subject: 'sub',
  erasure: 'ers',
  endpoint: 'whe',
  delivery: 'whd',
  tenant: 'ten',
  key: 'key',
  worker: 'wrk',
  request: 'req',
} as const;

export type IdKind = keyof typeof idPrefixes;
export type Id<K extends IdKind> = `${(typeof idPrefixes)[K]}_${string}`;
export type GenerationId = Id<'generation'>;
export type StageId = Id<'stage'>;
export type ArtifactId = Id<'artifact'>;
export type UploadId = Id<'upload'>;
export type PresetId = Id<'preset'>;
export type BatchId = Id<'batch'>;
export type SubjectId = Id<'subject'>;
export type ErasureId = Id<'erasure'>;
export type EndpointId = Id<'endpoint'>;
export type DeliveryId = Id<'delivery'>;
export type TenantId = Id<'tenant'>;
export type KeyId = Id<'key'>;
export type WorkerId = Id<'worker'>;

/** A fresh id: 48 bits of milliseconds, then random bits (RFC 9562, version 7). */
export function newId<K extends IdKind>(kind: K, now: number = Date.now()): Id<K> {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(now / 2 ** 32));
  view.setUint32(2, now >>> 0);
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70); // version 7
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80); // RFC variant
  let value = view.getBigUint64(0) * 2n ** 64n + view.getBigUint64(8);
  let text = '';
  for (let i = 0; i < 26; i++, value >>= 5n) text = ID_ALPHABET.charAt(Number(value & 31n)) + text;
  return `${idPrefixes[kind]}_${text}`;
}

/** The schema of an id of one kind. */
export const id = <K extends IdKind>(kind: K) =>
  z.templateLiteral([z.literal(idPrefixes[kind]), '_', z.string().regex(/^[0-9a-hjkmnp-tv-z]{26}$/)]) as unknown as z.ZodType<Id<K>, Id<K>>;

/** Whether a text has the form of an id of this kind. */
export const isId = <K extends IdKind>(kind: K, text: string): text is Id<K> => id(kind).safeParse(text).success;
