/** How alike two people are by the numbers that draw them, each counted by how much people differ in it. */
import { cosine } from './vectors.ts';

/** Mean and deviation of every component over many people. */
export interface Population {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

export function populationOf(people: readonly ArrayLike<number>[]): Population {
  const size = people[0]!.length;
  const component = (i: number) => people.map((person) => person[i]!);
  const average = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const mean = Float64Array.from({ length: size }, (_, i) => average(component(i)));
  const deviation = mean.map((centre, i) => Math.sqrt(average(component(i).map((x) => (x - centre) ** 2))));
  return { mean, deviation };
}

/** Cosine of the two as deviations from the average person: 1 for the same, about 0 for two strangers. A component in which nobody differs says nothing. */
export function attributeSimilarity(a: ArrayLike<number>, b: ArrayLike<number>, { mean, deviation }: Population): number {
  const standardised = (person: ArrayLike<number>) =>
    Float64Array.from(mean, (centre, i) => (deviation[i]! > 0 ? (person[i]! - centre) / deviation[i]! : 0));
  return cosine(standardised(a), standardised(b));
}
