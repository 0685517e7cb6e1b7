/**
 * What the paper reports (arXiv 2404.16771, tables III, V and VI), to stand beside what is measured here, and what it claims without
 * numbers that could be compared. Its pictures, encoders and recogniser are others, so only the order of rows can be held against it.
 */
import type { SubjectMeasure } from './rows.ts';

export interface PaperRow {
  readonly name: string;
  /** The row here that is closest to it; null: there is none. */
  readonly row: string | null;
  readonly clip_t: number;
  readonly clip_i: number;
  readonly face: number;
  readonly fgis: number;
  readonly fid: number;
  /** Of a picture on a GPU. */
  readonly seconds: number;
}

/** Table III, on the people of MyStyle. */
export const paperRows: readonly PaperRow[] = [
  { name: 'FastComposer', row: null, clip_t: 27.8, clip_i: 67.0, face: 75.2, fgis: 77.7, fid: 372.8, seconds: 10 },
  { name: 'IP-Adapter', row: 'image-tokens', clip_t: 27.6, clip_i: 75.0, face: 75.6, fgis: 73.4, fid: 320.0, seconds: 13 },
  { name: 'PhotoMaker', row: null, clip_t: 30.7, clip_i: 71.7, face: 69.3, fgis: 73.2, fid: 336.5, seconds: 17 },
  { name: 'InstantID', row: null, clip_t: 30.3, clip_i: 68.2, face: 76.5, fgis: 78.3, fid: 271.9, seconds: 19 },
  { name: 'ConsistentID', row: 'consistentid', clip_t: 31.1, clip_i: 76.7, face: 77.2, fgis: 81.4, fid: 312.4, seconds: 16 },
];

/** Table V: seconds of each part, on a GPU. */
export const paperSpeed = { BiSeNet: 1, InsightFace: 3, FacialEncoder: 3, UNet: 5, Inference: 4 } as const;

/** That one row has more of a measure than another. */
export interface Expectation {
  readonly measure: SubjectMeasure;
  readonly higher: string;
  readonly lower: string;
  readonly because: string;
}

const { row: _, ...ours } = paperRows.find(({ row }) => row === 'consistentid')!;

/** Of the rows of table III that have a counterpart here. */
const ofTable: Expectation[] = paperRows
  .filter(({ row }) => row !== null && row !== 'consistentid')
  .flatMap((other) =>
    (['clip_t', 'clip_i', 'face', 'fgis'] as const).map((measure) => ({
      measure,
      ...(ours[measure] >= other[measure] ? { higher: 'consistentid', lower: other.row! } : { higher: other.row!, lower: 'consistentid' }),
      because: `table III has ${ours[measure].toFixed(1)} for ${ours.name}, ${other[measure].toFixed(1)} for ${other.name}`,
    })),
  );

/** Of the ablations: both kinds of identity help, every region does, and a later merge gives to the prompt what it takes from the face. */
export function expectations(steps: number): Expectation[] {
  const both = 'overall and fine-grained features together keep the person best';
  const merge = 'the later the face enters, the more the prompt is followed and the less the face is kept';
  const [early, late] = ['merge-step-0', `merge-step-${steps}`];
  return [
    ...ofTable,
    { measure: 'face', higher: 'consistentid', lower: 'text-only', because: 'without an identity it is somebody else' },
    ...(['face', 'fgis'] as const).flatMap((measure) => [
      { measure, higher: 'consistentid', lower: 'overall-only', because: both },
      { measure, higher: 'consistentid', lower: 'fine-grained-only', because: both },
    ]),
    ...['face', 'eyes', 'ears', 'nose', 'mouth'].map((region) => ({
      measure: 'fgis' as const,
      higher: 'consistentid',
      lower: `without-${region}`,
      because: 'each region adds to the likeness',
    })),
    { measure: 'face', higher: early, lower: late, because: merge },
    { measure: 'clip_t', higher: late, lower: early, because: merge },
  ];
}
