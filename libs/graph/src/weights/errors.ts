/** Why weights could not be used: the file cannot be trusted, or it does not hold what the graph asks for. */
export type WeightErrorCode = 'checkpoint_refused' | 'weight_missing' | 'weight_shape' | 'weight_read_twice' | 'weight_unused';

/** `message` names the file or source, the entry or key, and the reason. */
export class WeightError extends Error {
  readonly code: WeightErrorCode;

  constructor(code: WeightErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WeightError';
    this.code = code;
  }
}

/** Refuses a checkpoint file: nothing of it is used. */
export const refuse = (file: string, entry: string, reason: string): WeightError =>
  new WeightError('checkpoint_refused', `${file}: ${entry === '' ? '' : `${entry}: `}${reason}`);
