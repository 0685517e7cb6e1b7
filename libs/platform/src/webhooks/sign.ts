/** Signatures of the Standard Webhooks specification (https://www.standardwebhooks.com), symmetric, version 1. */
import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';

export interface WebhookMessage {
  /** Stable over all attempts of one delivery: receivers drop what they have seen. */
  readonly id: string;
  readonly timestamp: Date;
  /** The very bytes that are sent. */
  readonly body: string;
  /** `whsec_…`, the current one first; while a rotation is under way the former one too. */
  readonly secrets: readonly string[];
}

export type WebhookHeaders = Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>>;

export const newWebhookSecret = (): string => PREFIX + randomBytes(32).toString('base64');

/** @throws Error when there is no secret, or one is not `whsec_` and base64 */
export function signWebhook({ id, timestamp, body, secrets }: WebhookMessage): WebhookHeaders {
  if (secrets.length === 0) throw new Error(`the webhook ${id} has no secret to be signed with`);
  const seconds = String(Math.floor(timestamp.getTime() / 1000));
  const signatures = secrets.map(
    (secret) => `v1,${createHmac('sha256', keyOf(secret)).update(`${id}.${seconds}.${body}`).digest('base64')}`,
  );
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') };
}

function keyOf(secret: string): Buffer {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(encoded, 'base64');
  if (key.length < 16 || key.toString('base64') !== encoded)
    throw new Error('a webhook secret must be whsec_ and at least 16 bytes in base64');
  return key;
}
