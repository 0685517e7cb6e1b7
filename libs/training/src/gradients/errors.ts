export type GradientErrorCode = 'no_gradient' | 'loss_not_scalar';

/** A derivative that cannot be formed; the code says why, the message names the place. */
export class GradientError extends Error {
  readonly code: GradientErrorCode;

  constructor(code: GradientErrorCode, message: string) {
    super(message);
    this.name = 'GradientError';
    this.code = code;
  }
}
