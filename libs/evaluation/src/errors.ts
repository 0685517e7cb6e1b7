/** Why an evaluation cannot be made; `detail` carries the offending value. */
export type EvaluationErrorCode = 'prompts_unknown' | 'evaluation_exists' | 'pack_not_evaluable' | 'measure_unavailable';

export class EvaluationError extends Error {
  readonly code: EvaluationErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: EvaluationErrorCode, message: string, detail: Record<string, unknown> = {}) {
    super(message);
    this.name = 'EvaluationError';
    this.code = code;
    this.detail = detail;
  }
}
