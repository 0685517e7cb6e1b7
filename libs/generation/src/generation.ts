/** The rows of the journey, as the statements of `generation.store.ts` give them back. */
import { StageName, type AcceptedInput, type GenerationId, type StageId, type SubjectId, type TenantId } from '@likeness/contracts';
import { z } from 'zod';

/** What a paused attempt has left on the row of its stage. */
export const SavedWork = z.object({
  object_key: z.string(),
  sha256: z.string(),
  /** That went into it. */
  gpu_seconds: z.number(),
});
export type SavedWork = z.infer<typeof SavedWork>;

/** Bytes inside JSON, as Postgres writes them. */
const Bytea = z.string().transform((hex) => new Uint8Array(Buffer.from(hex.slice(2), 'hex')));

/** An object that an earlier stage has left. */
export const LeftArtifact = z.object({
  name: z.string(),
  object_key: z.string(),
  /** Null: it was destroyed, and the object with it. */
  data_key: Bytea.nullable(),
  detail: z.record(z.string(), z.unknown()),
});
export type LeftArtifact = z.infer<typeof LeftArtifact>;

/** What a worker gets when it takes a stage. `attempt` is the fence: every later write carries it. */
export const ClaimedStage = z.object({
  id: z.custom<StageId>(),
  generation_id: z.custom<GenerationId>(),
  tenant_id: z.custom<TenantId>(),
  subject_id: z.custom<SubjectId>().nullable(),
  name: StageName,
  attempt: z.number(),
  max_attempts: z.number(),
  input: z.custom<AcceptedInput>(), // checked when it was written
  pack: z.object({ name: z.string(), version: z.string(), trained: z.boolean() }),
  deadline_at: z.date().nullable(),
  /** Where to go on; null: at the beginning. */
  resume: SavedWork.nullable(),
  /** Of the request that made the generation; null while traces are off. */
  traceparent: z.string().nullable(),
  /** Of the subject's reference. */
  reference_sha256: z.string().nullable(),
  /** What its objects are encrypted under: the generation's own key, or its subject's. */
  data_key_id: z.string(),
  data_key: z.instanceof(Uint8Array),
  /** Of the stages before this one, those of a name in order. */
  artifacts: z.array(LeftArtifact),
});
export type ClaimedStage = z.infer<typeof ClaimedStage>;

/** Which attempt at which stage a write belongs to. */
export interface Fence extends Pick<ClaimedStage, 'id' | 'generation_id' | 'attempt'> {
  /** The write is not the worker's own: it counts only while the lease has run out, so that a worker that is back keeps its stage. */
  readonly lapsed?: boolean;
}

export interface Progress {
  readonly step: number;
  readonly total: number;
  /** The object key of a picture of the present state, a new one for every picture; it stays until the next. */
  readonly preview?: string;
}

/** An object that a stage has written, ready to be pointed at. */
export interface KeptArtifact {
  readonly id: string;
  readonly name: string;
  readonly index: number;
  readonly object_key: string;
  readonly data_key_id: string;
  readonly content_type: string;
  readonly size: number;
  readonly sha256: string;
  /** Width, height and seed of a picture; the name of a region. */
  readonly detail: Readonly<Record<string, unknown>>;
}
