/**
 * How far five landmarks (x, y each: eyes, nose, corners of the mouth) are from where they belong, as a part of the distance between the
 * eyes: the normalised mean error of face alignment.
 */
export function landmarkError(found: ArrayLike<number>, truth: ArrayLike<number>): number {
  const distance = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number) =>
    Math.hypot(a[2 * i]! - b[2 * j]!, a[2 * i + 1]! - b[2 * j + 1]!);
  const points = truth.length / 2;
  let sum = 0;
  for (let i = 0; i < points; i++) sum += distance(found, i, truth, i);
  return sum / points / distance(truth, 0, truth, 1);
}
