/** Whether what is measured goes the way the paper says, in words that follow from the numbers alone. */
import { mean, standardError } from './metrics/vectors.ts';
import { expectations, type Expectation } from './paper.ts';
import type { Row, SubjectMeasure } from './rows.ts';

export type Verdict = 'agrees' | 'differs' | 'undecided';

export interface Trend extends Expectation {
  /** Mean over the subjects of both rows: the one said to be higher less the other, times 100. */
  readonly difference: number;
  /** Of that mean; NaN of a single subject. */
  readonly standard_error: number;
  readonly verdict: Verdict;
  readonly words: string;
}

export const measureNames: Readonly<Record<SubjectMeasure, string>> = { clip_t: 'CLIP-T', clip_i: 'CLIP-I', face: 'FaceSim', fgis: 'FGIS' };

/** Differences below this many standard errors decide nothing. */
const ERRORS = 2;

/** Of all expectations whose two rows were measured on the same subjects and prompts. */
export const trendsOf = (rows: readonly Row[], steps: number): Trend[] =>
  expectations(steps).flatMap((expectation) => {
    const [higher, lower] = [rows.find(({ id }) => id === expectation.higher), rows.find(({ id }) => id === expectation.lower)];
    return higher && lower && higher.pictures === lower.pictures ? (trendOf(expectation, higher, lower) ?? []) : [];
  });

export function trendOf(expectation: Expectation, higher: Row, lower: Row): Trend | null {
  const { measure, because } = expectation;
  const [a, b] = [higher.by_subject[measure], lower.by_subject[measure]];
  if (a.length === 0 || a.length !== b.length) return null;
  const differences = a.map((x, i) => x - b[i]!);
  const [difference, error] = [mean(differences), standardError(differences)];
  const isDecided = Math.abs(difference) > ERRORS * error;
  const verdict: Verdict = !isDecided ? 'undecided' : difference > 0 ? 'agrees' : 'differs';
  const numbers = `${measureNames[measure]} ${mean(a).toFixed(1)} with ${higher.title}, ${mean(b).toFixed(1)} with ${lower.title}: ${signed(difference)}${Number.isNaN(error) ? '' : ` ± ${error.toFixed(1)}`}`;
  const judged = {
    agrees: `as the paper has it (${because})`,
    differs: `the paper has it the other way round (${because})`,
    undecided: `too little to say, over ${differences.length === 1 ? '1 person' : `${differences.length} people`}, whether it is as the paper has it (${because})`,
  }[verdict];
  return { ...expectation, difference, standard_error: error, verdict, words: `${numbers}; ${judged}.` };
}

const signed = (x: number): string => `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(1)}`;
