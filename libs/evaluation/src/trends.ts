/** What the rows of a table say of one another, and whether it is what the paper says: in words that follow from the numbers alone. */
import { confidence95, mean } from './metrics/vectors.ts';
import { expectations, type Expectation } from './paper.ts';
import type { Row, SubjectMeasure } from './rows.ts';

/** By how much one row has more of a measure than another, person by person, so that what people differ in does not blur it. */
export interface Difference {
  readonly measure: SubjectMeasure;
  /** Mean over the subjects, times 100. */
  readonly difference: number;
  /** Half the width of the 95 % confidence interval of that mean; NaN of a single subject. */
  readonly uncertainty: number;
  readonly people: number;
  readonly words: string;
}

export type Verdict = 'agrees' | 'differs' | 'undecided';

export interface Trend extends Expectation, Difference {
  readonly verdict: Verdict;
}

export const measureNames: Readonly<Record<SubjectMeasure, string>> = { clip_t: 'CLIP-T', clip_i: 'CLIP-I', face: 'FaceSim', fgis: 'FGIS' };

/** Null where the measure was not taken of both on the same people. */
export function differenceOf(measure: SubjectMeasure, one: Row, other: Row): Difference | null {
  const [a, b] = [one.by_subject[measure], other.by_subject[measure]];
  if (a.length === 0 || a.length !== b.length) return null;
  const each = a.map((x, i) => x - b[i]!);
  const [difference, uncertainty] = [mean(each), confidence95(each)];
  const by = `${signed(difference)}${Number.isNaN(uncertainty) ? '' : ` ± ${uncertainty.toFixed(1)}`}`;
  const words = `${measureNames[measure]} ${mean(a).toFixed(1)} for “${one.title}”, ${mean(b).toFixed(1)} for “${other.title}”: ${by}`;
  return { measure, difference, uncertainty, people: each.length, words };
}

/** Of all expectations of whose rows the table has both. */
export const trendsOf = (rows: readonly Row[], steps: number): Trend[] =>
  expectations(steps).flatMap((expectation) => {
    const [higher, lower] = [rows.find(({ id }) => id === expectation.higher), rows.find(({ id }) => id === expectation.lower)];
    return higher && lower ? (trendOf(expectation, higher, lower) ?? []) : [];
  });

export function trendOf(expectation: Expectation, higher: Row, lower: Row): Trend | null {
  const found = differenceOf(expectation.measure, higher, lower);
  if (!found) return null;
  const { difference, uncertainty, people, words } = found;
  const isDecided = Math.abs(difference) > uncertainty;
  const verdict: Verdict = !isDecided ? 'undecided' : difference > 0 ? 'agrees' : 'differs';
  const judged = {
    agrees: 'as the paper has it',
    differs: 'the paper has it the other way round',
    undecided: `too little to say, over ${people === 1 ? '1 person' : `${people} people`}, whether it is as the paper has it`,
  }[verdict];
  return { ...expectation, ...found, verdict, words: `${words}; ${judged} (${expectation.because}).` };
}

/** The evaluated pack beside the others, measure by measure; the paper does not come into it. */
export function packDifferences(rows: readonly Row[]): Difference[] {
  const own = rows.find(({ group }) => group === 'method');
  const others = rows.filter(({ group }) => group === 'packs');
  const measures = Object.keys(measureNames) as SubjectMeasure[];
  return own ? others.flatMap((other) => measures.flatMap((measure) => differenceOf(measure, own, other) ?? [])) : [];
}

const signed = (x: number): string => `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(1)}`;
