/**
 * What can go wrong while running models. Codes cross the process boundary unchanged; a task's own errors travel beside
 * them with whatever code they carry.
 *
 * - `model_unavailable`   the graph or its weights cannot be loaded
 * - `device_unavailable`  the execution provider cannot be used on this machine
 * - `gpu_out_of_memory`   an allocation on the device failed
 * - `invalid_argument`    a feed does not fit the graph's inputs
 * - `inference_failed`    the run itself failed
 * - `stage_timeout`       a task ran longer than it was allowed to; its process was killed
 * - `canceled`            the caller's signal stopped the task
 * - `worker_lost`         the process that ran the task ended before it answered
 * - `internal`            anything else: a defect
 */
export type InferenceErrorCode =
  | 'model_unavailable'
  | 'device_unavailable'
  | 'gpu_out_of_memory'
  | 'invalid_argument'
  | 'inference_failed'
  | 'stage_timeout'
  | 'canceled'
  | 'worker_lost'
  | 'internal';

/**
 * A failure with a stable `code`; `detail` holds the values a reader needs to act on it. An error that a task threw in the
 * child arrives as one of these with the task's own code.
 */
export class InferenceError extends Error {
  readonly code: InferenceErrorCode | (string & {});
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: InferenceErrorCode | (string & {}), message: string, detail: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'InferenceError';
    this.code = code;
    this.detail = detail;
  }
}

/** A task that was asked to pause has stopped, with what another process needs to go on from there. */
export class TaskPaused extends Error {
  readonly state: Uint8Array;

  constructor(state: Uint8Array) {
    super('The task was paused.');
    this.name = 'TaskPaused';
    this.state = state;
  }
}

/** What allocation failures of CUDA, cuDNN, cuBLAS and the WebGPU device say. */
const outOfMemory =
  /out of memory|failed to allocate memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED|CUDA_ERROR_OUT_OF_MEMORY/i;

/** The runtime reports everything as text: allocation failures are told apart by it, the rest gets the code of the phase. */
export function runtimeError(phase: 'model_unavailable' | 'inference_failed', what: string, cause: unknown): InferenceError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = outOfMemory.test(text) ? 'gpu_out_of_memory' : phase;
  return new InferenceError(code, `${what}: ${text}`, {}, { cause });
}
