/** What can be wrong with what a caller hands to the pipeline. The service maps these codes to its problem documents one to one. */
export type PipelineErrorCode = 'image_unreadable' | 'image_too_small' | 'invalid_argument' | 'model_unusable';

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
