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

/** A pack that is missing, malformed or incomplete; `detail` has the pack, and the file and checkpoint key where they are known. */
export class PackError extends Error {
  readonly code = 'model_unavailable';
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(message: string, detail: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PackError';
    this.detail = detail;
  }
}
