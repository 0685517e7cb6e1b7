/** What parent and child say to each other over the IPC channel (structured clone: typed arrays travel as they are). */

export type ToChild =
  | { readonly type: 'run'; readonly id: number; readonly task: string; readonly payload: unknown }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'pause'; readonly id: number };

export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | ({ readonly type: 'done'; readonly id: number; readonly result: unknown; readonly rss: number } & Worked)
  | ({ readonly type: 'paused'; readonly id: number; readonly state: Uint8Array } & Worked)
  | ({ readonly type: 'failed'; readonly id: number; readonly error: SentError } & Worked);

interface Worked {
  /** From the task's start to its end. */
  readonly workedMs: number;
}

/** How far a task has come: `step` of `total`, and optionally a picture of what there is so far. */
export interface Progress {
  readonly step: number;
  readonly total: number;
  readonly preview?: Uint8Array;
}

export interface SentError {
  readonly code: string;
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly stack: string | undefined;
}
