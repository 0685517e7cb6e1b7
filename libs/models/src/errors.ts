export type ModelErrorCode = 'model_config_invalid' | 'model_config_unsupported';

/** A configuration file that cannot be used; the message names the field and its value. */
export class ModelError extends Error {
  readonly code: ModelErrorCode;

  constructor(code: ModelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ModelError';
    this.code = code;
  }
}
