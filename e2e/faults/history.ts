/** What a run has left behind: what the clients saw, what the receivers got, what the database and the object store hold at the end. */
import type { GenerationStatus } from '@likeness/contracts';
import type { Behaviour } from './receivers.ts';

/** All times are milliseconds since 1970. */
export interface History {
  readonly jobs: readonly ClientJob[];
  readonly batches: readonly ClientBatch[];
  readonly receipts: readonly Receipt[];
  /** The tenant's endpoints that hear of every end. */
  readonly endpoints: readonly string[];
  readonly faults: readonly FaultRecord[];
  readonly generations: readonly GenerationRow[];
  readonly stages: readonly StageRow[];
  readonly events: readonly EventRow[];
  readonly artifacts: readonly ArtifactRow[];
  readonly deliveries: readonly DeliveryRow[];
  /** Every change of status, attempt or sequence that was committed, in order: written by triggers of the run's own. */
  readonly changes: readonly Change[];
  /** Keys in the object store after a sweep of what nobody points at. */
  readonly objects: readonly string[];
  /** Keys of uploads. */
  readonly uploads: readonly string[];
  readonly quiet: Quiet;
}

/** One order of a shop: what it asked for, and everything that it was told. */
export interface ClientJob {
  /** The job's `metadata.order`: unique but for a retry, which has its original's. */
  readonly order: string;
  /** The generation that was asked for again. */
  readonly retryOf: string | null;
  readonly idempotencyKey: string | null;
  /** How the endpoint behaves that shall hear of the end; null: none. */
  readonly webhook: Behaviour | null;
  /** The ids of every 202. */
  readonly accepted: string[];
  readonly seen: Seen[];
  /** The ids of the events of its stream, over all connections. */
  readonly streamed: number[];
  readonly pictures: Picture[];
  canceledAt: number | null;
}

/** Several jobs in one request. */
export interface ClientBatch {
  readonly order: string;
  readonly items: number;
  /** Of the items, those that must be refused. */
  readonly wrong: number;
  readonly webhook: boolean;
  /** The ids of every 202. */
  readonly accepted: string[];
  /** The last that was told. */
  end: { readonly status: string; readonly counts: Readonly<Record<string, number>> } | null;
}

export interface Seen {
  readonly at: number;
  readonly status: GenerationStatus;
  readonly sequence: number;
}

export interface Picture {
  readonly id: string;
  readonly promised: string;
  /** The SHA-256 of what came; or the status of the answer, when it was none of 200. */
  readonly got: string;
}

export interface Receipt {
  readonly at: number;
  readonly webhookId: string;
  readonly signed: boolean;
  /** Which endpoint: the job's own, or one of the tenant's. */
  readonly endpoint: string;
  /** How the endpoint has answered. */
  readonly answer: Behaviour;
  readonly text: string;
  readonly type: string;
  readonly data: { readonly id: string; readonly status: string };
}

export interface FaultRecord {
  readonly kind: string;
  readonly target: string;
  readonly from: number;
  /** When it was taken back; for a kill, when it was done. */
  to: number;
  /** The worker whose stages others have to take over. */
  readonly workerId?: string;
  /** What the fault itself has found broken. */
  readonly broken?: string;
}

export interface GenerationRow {
  readonly id: string;
  readonly tenantId: string;
  readonly status: GenerationStatus;
  readonly sequence: number;
  readonly order: string | null;
  readonly retryOf: string | null;
  readonly batchId: string | null;
  readonly wantsWebhook: boolean;
  readonly dataRemoved: boolean;
}

export interface StageRow {
  readonly id: string;
  readonly generationId: string;
  readonly name: string;
  readonly status: string;
  readonly attempt: number;
}

export interface EventRow {
  readonly generationId: string;
  readonly sequence: number;
  readonly type: string;
  readonly status: string;
}

export interface ArtifactRow {
  readonly id: string;
  readonly generationId: string;
  readonly tenantId: string;
  readonly stage: string;
  readonly name: string;
  readonly objectKey: string;
}

export interface DeliveryRow {
  readonly id: string;
  readonly generationId: string;
  readonly type: string;
  readonly status: string;
}

export interface Change {
  readonly at: number;
  readonly of: 'generation' | 'stage';
  readonly id: string;
  readonly generationId: string;
  readonly from: string | null;
  readonly to: string;
  /** Of the generation. */
  readonly sequence: number | null;
  /** Of the stage. */
  readonly attempt: number | null;
  readonly workerId: string | null;
}

/** The system after the last job, when nothing is left to do. */
export interface Quiet {
  readonly demand: Readonly<Record<string, number>>;
  readonly stagesAtWork: number;
  readonly messages: number;
  /** Live workers that are not idle. */
  readonly busyWorkers: number;
  readonly slots: Readonly<Record<string, number>>;
  readonly wantedSlots: Readonly<Record<string, number>>;
}
