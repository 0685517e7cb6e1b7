/** The pictures of one condition → its row of the table. */
import type { ScenarioCategory } from '@likeness/portraits';
import type { Condition, ConditionGroup } from './conditions.ts';
import type { Observation } from './measuring/observer.ts';
import { attributeSimilarity, type Population } from './metrics/attribute-similarity.ts';
import { frechetDistance, gaussianOf } from './metrics/frechet-distance.ts';
import { identityMatch, similarityTo, type Compared, type IdentityMatch } from './metrics/identity-match.ts';
import { regionSimilarity } from './metrics/region-similarity.ts';
import { cosine, dot, mean } from './metrics/vectors.ts';
import { likeliest } from './metrics/zero-shot.ts';
import type { Prompt } from './prompts.ts';

/** A picture of a subject (by its place among them) in a scene. */
export interface SeenPicture {
  readonly subject: number;
  readonly prompt: Prompt;
  /** In the folder of pictures; null: drawn, and not kept. */
  readonly file: string | null;
  readonly observation: Observation;
}

/** What every row is held against. */
export interface Yardstick {
  /** What was seen in the subjects' references. */
  readonly references: readonly Observation[];
  /** The numbers from which the subjects were drawn, and how they vary among people. */
  readonly people: { readonly vectors: readonly Float32Array[]; readonly population: Population };
  /** Embeddings of a prompt for a subject; null without an image-text encoder. */
  readonly text: ((prompt: Prompt, subject: number) => Float32Array) | null;
  /** The prompts among which one is to be recognised: those of its category. */
  readonly rivals: (prompt: Prompt) => readonly Prompt[];
  /** Drawn pictures of the same people in the same scenes: what a distance of distributions is taken to. */
  readonly drawn: readonly DrawnPicture[];
}

export interface DrawnPicture extends Pick<SeenPicture, 'subject' | 'prompt'> {
  readonly image: Float32Array;
}

/** Similarities and rates are times 100. Null: the pack has no network for it, or there are too few pictures. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly group: ConditionGroup | 'drawn';
  readonly pictures: number;
  readonly clip_t: number | null;
  readonly clip_i: number;
  readonly face: IdentityMatch;
  readonly attributes: IdentityMatch | null;
  readonly fgis: IdentityMatch;
  readonly fid: number | null;
  /** How often the prompt is the likeliest one of its category. */
  readonly recognised: { readonly all: number; readonly by_category: Readonly<Partial<Record<ScenarioCategory, number>>> } | null;
  /** Means over the pictures of each subject, for the error of a difference between rows. */
  readonly by_subject: Readonly<Record<SubjectMeasure, readonly number[]>>;
}
export type SubjectMeasure = 'clip_t' | 'clip_i' | 'face' | 'fgis';

/** What one picture contributes, times 100. */
export interface PictureMeasures {
  readonly clip_t: number | null;
  readonly clip_i: number;
  readonly face: number;
  readonly fgis: number;
  readonly recognised: boolean | null;
}

export function rowOf(
  { id, title, group }: Pick<Row, 'id' | 'title' | 'group'> | Condition,
  seen: readonly SeenPicture[],
  yardstick: Yardstick,
): Row {
  const compared = comparisons(seen, yardstick);
  const measures = seen.map((picture, i) => measurePicture(picture, yardstick, compared, i));
  const all = (measure: SubjectMeasure, of: readonly PictureMeasures[] = measures) => mean(of.map((one) => one[measure] ?? NaN));
  const subjects = [...new Set(seen.map(({ subject }) => subject))].sort((a, b) => a - b);
  const bySubject = (measure: SubjectMeasure) =>
    subjects.map((subject) =>
      all(
        measure,
        measures.filter((_, i) => seen[i]!.subject === subject),
      ),
    );
  return {
    id,
    title,
    group,
    pictures: seen.length,
    clip_t: yardstick.text && all('clip_t'),
    clip_i: all('clip_i'),
    face: timesHundred(identityMatch(compared.face)),
    attributes: compared.attributes && timesHundred(identityMatch(compared.attributes)),
    fgis: timesHundred(identityMatch(compared.fgis)),
    fid: fidOf(seen, yardstick.drawn),
    recognised: yardstick.text && recognition(seen, measures),
    by_subject: {
      clip_t: yardstick.text ? bySubject('clip_t') : [],
      clip_i: bySubject('clip_i'),
      face: bySubject('face'),
      fgis: bySubject('fgis'),
    },
  };
}

/** For the list of all pictures. */
export function measurePictures(seen: readonly SeenPicture[], yardstick: Yardstick): PictureMeasures[] {
  const compared = comparisons(seen, yardstick);
  return seen.map((picture, i) => measurePicture(picture, yardstick, compared, i));
}

interface Comparisons {
  readonly face: readonly Compared[];
  readonly fgis: readonly Compared[];
  readonly attributes: readonly Compared[] | null;
}

/** Every picture with every subject. */
function comparisons(seen: readonly SeenPicture[], { references, people }: Yardstick): Comparisons {
  const compare = (alike: (picture: Observation, subject: number) => number | null) =>
    seen.map(({ subject, observation }): Compared => {
      const similarities = references.map((_, k) => alike(observation, k));
      return { subject, similarities: similarities[subject] === null ? null : similarities.map((x) => x ?? 0) };
    });
  return {
    face: compare(({ face }, k) => face && dot(face, references[k]!.face!)),
    fgis: compare(({ regions }, k) => regionSimilarity(regions, references[k]!.regions)),
    attributes: seen.every(({ observation }) => observation.attributes)
      ? compare(({ attributes }, k) => attributeSimilarity(attributes!, people.vectors[k]!, people.population))
      : null,
  };
}

function measurePicture(
  { subject, prompt, observation }: SeenPicture,
  { text, references, rivals }: Yardstick,
  compared: Comparisons,
  i: number,
): PictureMeasures {
  const candidates = rivals(prompt);
  return {
    clip_t: text && 100 * cosine(observation.image, text(prompt, subject)),
    clip_i: 100 * cosine(observation.image, references[subject]!.image),
    face: 100 * similarityTo(compared.face[i]!, subject),
    fgis: 100 * similarityTo(compared.fgis[i]!, subject),
    recognised:
      text &&
      candidates[
        likeliest(
          observation.image,
          candidates.map((one) => text(one, subject)),
        )
      ]!.id === prompt.id,
  };
}

function recognition(seen: readonly SeenPicture[], measures: readonly PictureMeasures[]): NonNullable<Row['recognised']> {
  const rate = (of: readonly PictureMeasures[]) => 100 * mean(of.map(({ recognised }) => Number(recognised)));
  const categories = [...new Set(seen.map(({ prompt }) => prompt.category))];
  const of = (category: ScenarioCategory) => measures.filter((_, i) => seen[i]!.prompt.category === category);
  return { all: rate(measures), by_category: Object.fromEntries(categories.map((category) => [category, rate(of(category))])) };
}

/** To drawn pictures of the same people and scenes as the row has. */
function fidOf(seen: readonly SeenPicture[], drawn: readonly DrawnPicture[]): number | null {
  const key = ({ subject, prompt }: Pick<SeenPicture, 'subject' | 'prompt'>) => `${subject} ${prompt.id}`;
  const wanted = new Set(seen.map(key));
  const real = drawn.filter((picture) => wanted.has(key(picture)));
  if (seen.length < 2 || real.length < 2) return null;
  return frechetDistance(gaussianOf(seen.map(({ observation }) => observation.image)), gaussianOf(real.map(({ image }) => image)));
}

const timesHundred = (match: IdentityMatch): IdentityMatch =>
  Object.fromEntries(Object.entries(match).map(([name, value]) => [name, 100 * value])) as unknown as IdentityMatch;
