import type { QueueName } from '@likeness/contracts';
import type { Links } from '@likeness/generation';
import type { Db } from '@likeness/platform/db';
import type { Egress } from '@likeness/platform/egress';
import type { ObjectStore } from '@likeness/platform/storage';
import type { Logger, Tracing } from '@likeness/platform/telemetry';
import type { Queue } from 'bullmq';
import type { DispatcherConfig } from './dispatcher.config.ts';
import type { Figures } from './figures.ts';

/** What the dispatcher's loops and handlers work with. */
export interface Parts {
  readonly config: DispatcherConfig;
  readonly log: Logger;
  readonly db: Db;
  readonly store: ObjectStore;
  readonly egress: Egress;
  /** For what is posted with links in it. */
  readonly links: Links;
  readonly queues: Readonly<Record<QueueName, Queue>>;
  readonly tracing: Tracing;
  readonly figures: Figures;
}
