const units = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A number of bytes as a person reads it, in powers of a thousand: 1.5 MB. */
export function bytesText(bytes: number): string {
  const step = Math.min(Math.max(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 0), units.length - 1);
  const value = bytes / 1000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}
