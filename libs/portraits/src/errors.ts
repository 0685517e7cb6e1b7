/**
 * Why portraits cannot be drawn.
 *
 * - `invalid_argument` a number that is none, or outside its range
 * - `folder_not_empty` a data set would be mixed with what is there
 */
export type PortraitErrorCode = 'invalid_argument' | 'folder_not_empty';

/** A refusal with a stable `code`; `detail` carries the offending value. */
export class PortraitError extends Error {
  readonly code: PortraitErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(code: PortraitErrorCode, message: string, detail: Record<string, unknown> = {}) {
    super(message);
    this.name = 'PortraitError';
    this.code = code;
    this.detail = detail;
  }
}

/** @throws PortraitError `invalid_argument` unless `value` is a whole number from `low` to `high`. */
export function wholeNumber(name: string, value: number, low: number, high = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return value;
  const range = high === Number.MAX_SAFE_INTEGER ? `from ${low}` : `from ${low} to ${high}`;
  throw new PortraitError('invalid_argument', `${name} ${value} is no whole number ${range}.`, { [name]: value, low, high });
}
