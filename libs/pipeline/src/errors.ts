/** What can be wrong with what a caller hands to the pipeline. The service maps these codes to its problem documents one to one. */
export type PipelineErrorCode = 'image_unreadable' | 'image_too_small' | 'no_face_detected' | 'invalid_argument' | 'model_unusable';

/** A refusal with a stable `code`; `detail` carries the offending value and the limit it broke. */
export class PipelineError extends Error {
  readonly code: PipelineErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: PipelineErrorCode, message: string, detail: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PipelineError';
    this.code = code;
    this.detail = detail;
  }
}

/** Codes of the layers below that the service calls by another name. */
const serviceCodes: Readonly<Record<string, string>> = {
  invalid_argument: 'validation_failed',
  model_unusable: 'model_unavailable',
  device_unavailable: 'model_unavailable',
  model_config_invalid: 'model_unavailable',
  model_config_unsupported: 'model_unavailable',
  checkpoint_refused: 'model_unavailable',
  weight_missing: 'model_unavailable',
  weight_shape: 'model_unavailable',
  weight_read_twice: 'model_unavailable',
  weight_unused: 'model_unavailable',
  inference_failed: 'internal',
};

/** Any error of the ML libraries under the service's code for it; one without a code is a defect, `internal`. */
export function serviceError(error: unknown): { code: string; message: string; detail: Record<string, unknown> } {
  const { code, message = String(error), detail = {} } = error as { code?: unknown; message?: string; detail?: Record<string, unknown> };
  const isOurs = typeof code === 'string' && /^[a-z_]+$/.test(code); // Node's own look like ENOENT
  return { code: isOurs ? (serviceCodes[code] ?? code) : 'internal', message, detail };
}
