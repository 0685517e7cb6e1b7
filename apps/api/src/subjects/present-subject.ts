/** Subjects and receipts as their API objects. */
import { LikenessError, type Erasure, type Subject } from '@likeness/contracts';
import type { ErasureRow, SubjectRow } from './subjects.store.ts';

/** @throws LikenessError `subject_erased` with 410: there is nothing to show any more */
export function presentSubject({ id, external_id, consent, reference_images, retention, ...row }: SubjectRow): Subject {
  const over = row.expires_at && row.expires_at.getTime() <= Date.now() ? row.expires_at : null;
  const erased = row.erased_at ?? over;
  if (erased || !consent)
    throw new LikenessError('subject_erased', `The subject ${id} was erased${erased ? ` at ${erased.toISOString()}` : ''}.`, {
      status: 410,
    });
  return {
    id,
    object: 'subject',
    external_id,
    consent,
    reference_images: reference_images.map(({ content_type, size, sha256 }) => ({ content_type, size, sha256 })),
    retention,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
  };
}

export const presentErasure = ({ id, subject_id, object_keys_sha256, data_key_destroyed, ...row }: ErasureRow): Erasure => ({
  id,
  object: 'erasure',
  subject: subject_id,
  status: row.completed_at ? 'completed' : 'running',
  started_at: row.started_at.toISOString(),
  completed_at: row.completed_at?.toISOString() ?? null,
  removed: { objects: object_keys_sha256.length, rows: row.rows, cache_entries: row.cache_entries, generations: row.generations },
  object_keys_sha256,
  data_key_destroyed,
});
