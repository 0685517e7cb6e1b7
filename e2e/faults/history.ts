/** What a run has left behind: what the clients saw, what the receivers got, what the database and the object store hold at the end. */
import type { Erasure, GenerationStatus } from '@likeness/contracts';
import type { Behaviour } from './receivers.ts';

/** All times are milliseconds since 1970. */
export interface History {
  readonly jobs: readonly ClientJob[];
  readonly batches: readonly ClientBatch[];
  readonly persons: readonly ClientPerson[];
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
  readonly subjects: readonly SubjectRow[];
  readonly erasures: readonly ErasureRow[];
  /** Keys in the object store after a sweep of what nobody points at. */
  readonly objects: readonly string[];
  /** Keys of objects that the sweep has found without an owner. */
  readonly swept: readonly string[];
  /** Keys of uploads. */
  readonly uploads: readonly string[];
  /** Keys of the references of subjects, and of what their generations share. */
  readonly shared: readonly string[];
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
  /** The subject whose portrait was asked for. */
  readonly subject: string | null;
  /** When the shop first asked for its data to be removed, and whether that was answered. */
  removedAt: number | null;
  removed: boolean;
  /** What it asked for once that had been answered. */
  readonly afterwards: AskedAfter[];
}

/** What was asked for after a removal was answered: the answer that must come, and the one that came. */
export interface AskedAfter {
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
}

/** Somebody of whom a shop has several portraits made, and whom it erases then. */
export interface ClientPerson {
  readonly order: string;
  /** The ids of every 201. */
  readonly made: string[];
  /** When the shop first asked for the erasure. */
  erasedAt: number | null;
  /** The ids of the receipts, of every 202. */
  readonly erasures: string[];
  /** The last that was told of it. */
  receipt: Erasure | null;
  readonly afterwards: AskedAfter[];
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
  readonly stage: string | null;
}

export interface Picture {
  readonly id: string;
  readonly url: string;
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
  readonly subjectId: string | null;
  readonly pack: string;
  readonly removalRequestedAt: number | null;
  readonly dataRemoved: boolean;
  /** What its rows tell of the request, the picture or the person. */
  readonly content: readonly string[];
}

export interface SubjectRow {
  readonly id: string;
  readonly tenantId: string;
  readonly erased: boolean;
  /** What the rows tell of the person. */
  readonly content: readonly string[];
}

export interface ErasureRow {
  readonly id: string;
  readonly subjectId: string;
  readonly startedAt: number;
  readonly completedAt: number | null;
}

export interface StageRow {
  readonly id: string;
  readonly generationId: string;
  readonly name: string;
  readonly status: string;
  readonly attempt: number;
  /** Its result was that of an earlier generation of the subject. */
  readonly cached: boolean;
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
