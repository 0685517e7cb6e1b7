/** The few sums that every measure is made of, in double precision. */

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** The cosine of the angle between two vectors; 0 where one of them has no direction. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  return lengths === 0 ? 0 : dot(a, b) / lengths;
}

/** NaN of nothing, so that a measure without pictures cannot pass for a measured zero. */
export const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** How far a mean of so many independent values may be off: sd / √n, with n − 1 in the sd; NaN of fewer than two. */
export function standardError(values: readonly number[]): number {
  const centre = mean(values);
  const variance = values.reduce((sum, x) => sum + (x - centre) ** 2, 0) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}

/** Student's t at 0.975, by degrees of freedom from 1 on; what follows is near 2.04 … 1.96. */
const studentT = [
  12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.1, 2.09, 2.09, 2.08, 2.07, 2.07,
  2.06, 2.06, 2.06, 2.05, 2.05, 2.05, 2.04,
];

/** Half the width of the 95 % confidence interval of a mean of so many independent, roughly normal values; NaN of fewer than two. */
export const confidence95 = (values: readonly number[]): number => standardError(values) * (studentT[values.length - 2] ?? 2);
