/**
 * Why a training cannot begin or go on.
 *
 * - `recipe_invalid`        the recipe: path and value
 * - `dataset_invalid`       a data folder: no picture in it, a file it names is missing or unreadable, nothing of what the task needs
 * - `initial_value_unknown` a parameter with neither a stored value nor a rule for its first one
 * - `run_exists`            the folder holds checkpoints, and the run is not to be resumed
 * - `checkpoint_mismatch`   a checkpoint of another recipe, or of another model
 * - `loss_not_finite`       the loss became NaN or infinite
 */
export type TrainingErrorCode =
  'recipe_invalid' | 'dataset_invalid' | 'initial_value_unknown' | 'run_exists' | 'checkpoint_mismatch' | 'loss_not_finite';

/** A failure with a stable `code`; `detail` holds the values a reader needs to act on it. */
export class TrainingError extends Error {
  readonly code: TrainingErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: TrainingErrorCode, message: string, detail: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TrainingError';
    this.code = code;
    this.detail = detail;
  }
}
