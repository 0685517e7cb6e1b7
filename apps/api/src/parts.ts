/** What the API is put together from; controllers get it as one thing and hand the functions what they need of it. */
import type { Db } from '@likeness/platform/db';
import type { Egress } from '@likeness/platform/egress';
import type { Signer } from '@likeness/platform/links';
import type { Signals } from '@likeness/platform/signals';
import type { SealedStore } from '@likeness/platform/storage';
import type { Logger, Metrics, Tracing } from '@likeness/platform/telemetry';
import type { ApiConfig } from './api.config.ts';
import type { Changes } from './generations/changes.ts';
import type { Authenticator } from './http/api-keys.ts';
import type { Idempotency } from './http/idempotency.ts';
import type { RateLimiter } from './http/rate-limit.ts';
import type { Packs } from './packs.ts';
import type { Pace } from './queue/pace.ts';

export interface Parts {
  readonly config: ApiConfig;
  readonly log: Logger;
  readonly db: Db;
  readonly store: SealedStore;
  readonly egress: Egress;
  readonly signals: Signals;
  readonly packs: Packs;
  readonly signer: Signer;
  readonly keys: Authenticator;
  readonly rates: RateLimiter;
  readonly changes: Changes;
  readonly idempotency: Idempotency;
  readonly pace: Pace;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
}
export const PARTS = Symbol('the parts of the API');
