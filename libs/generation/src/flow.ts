import type { JobName, StageName, WorkerClass } from '@likeness/contracts';

interface StageOfFlow {
  readonly queue: WorkerClass;
  readonly job: JobName;
  /** Artifacts of earlier stages that the work reads. */
  readonly reads: readonly string[];
  /** Artifacts it leaves; a completion without one of them is refused. */
  readonly leaves: readonly string[];
  /** The result depends on the reference alone (and a few options), so a subject's generations share it. */
  readonly reusable: boolean;
  /** Null: the generation has succeeded. */
  readonly next: StageName | null;
}

/** The journey of a generation. Read it from top to bottom; nothing else in the code base decides what comes next. */
export const flow = {
  parse: { queue: 'parsing', job: 'parse-face', reads: [], leaves: ['reference', 'face', 'label-map'], reusable: true, next: 'embed' },
  embed: {
    queue: 'embedding',
    job: 'embed-identity',
    reads: ['reference', 'face', 'regions'],
    leaves: ['identity'],
    reusable: true,
    next: 'sample',
  },
  sample: { queue: 'diffusion', job: 'sample-portrait', reads: ['identity'], leaves: ['images'], reusable: false, next: null },
} as const satisfies Record<StageName, StageOfFlow>;

export const FIRST_STAGE = 'parse' satisfies StageName;
