/** Peak signal-to-noise ratio of 8-bit values in dB: 10·log₁₀(255² / mean squared error); infinite where nothing differs. */
export function psnr(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new RangeError(`Pictures of ${a.length} and ${b.length} values cannot be compared.`);
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += (a[i]! - b[i]!) ** 2;
  return 10 * Math.log10((255 ** 2 * a.length) / squares);
}
