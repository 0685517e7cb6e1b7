/**
 * The evaluation of a pack, in the order in which it happens:
 *
 *   people, prompts ─► references ─► pictures of every row, drawn ones beside them ─► what the networks see in them ─► tables
 *                                                   the instruments themselves ─┘            sheets, report ◄─┘
 *
 * Pictures are made by the pipeline's stages and kept by their recipe; all else is cheap and made anew.
 */
import { join } from 'node:path';
import type { Device } from '@likeness/inference';
import { decodePlain, toRgb, type Precision } from '@likeness/pipeline';
import { identityVector, Random, randomIdentity } from '@likeness/portraits';
import { openModels, type OpenedModels } from './open-models.ts';
import { ablations, baselines, method, otherPack } from './conditions.ts';
import { EvaluationError } from './errors.ts';
import type { TextEncoder } from './measuring/image-text-encoder.ts';
import { measureNetworks } from './measuring/measure-networks.ts';
import { measureSpeed } from './measuring/measure-speed.ts';
import type { Observation } from './measuring/observer.ts';
import { populationOf } from './metrics/attribute-similarity.ts';
import { PictureStore } from './picture-store.ts';
import { Reporter, type Progress } from './progress.ts';
import { inTurn, promptsOf, promptText, selectPrompts, type Prompt } from './prompts.ts';
import type { Report, Table } from './report/report.ts';
import { measurePictures, rowOf, type DrawnPicture, type PictureMeasures, type SeenPicture, type Yardstick } from './rows.ts';
import { RowMaker, type Section, type SeenRow } from './row-maker.ts';
import { drawSubject, type Subject } from './subjects.ts';
import { packDifferences, trendsOf } from './trends.ts';

export interface EvaluationOptions {
  readonly pack: string;
  readonly packDirs?: readonly string[] | undefined;
  /** Also rows of these packs, with the people, prompts and noise of the others. */
  readonly compare: readonly string[];
  readonly identities: number;
  /** See `selectPrompts`. */
  readonly prompts: string;
  readonly steps: number;
  readonly seed: number;
  readonly baselines: boolean;
  /** Null: none. How many people and prompts the many rows of the ablations are measured on, at most. */
  readonly ablations: { readonly identities: number; readonly prompts: number } | null;
  /** Strangers and shots of each, for the networks themselves. */
  readonly networks: { readonly people: number; readonly shots: number };
  /** Generations that are timed. */
  readonly timed: number;
  readonly out: string;
  /** Whether pictures of an earlier run in `out` may be there and are used. */
  readonly resume: boolean;
  /** Whether a measure that the pack cannot give is an error. */
  readonly strict: boolean;
  readonly device?: Device | undefined;
  readonly precision?: Precision | undefined;
  readonly threads?: number | undefined;
  readonly weightsFolder?: string | undefined;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** The report, and every picture behind it. */
export interface Evaluation {
  readonly report: Report;
  readonly subjects: readonly Subject[];
  readonly prompts: readonly Prompt[];
  readonly pictures: readonly EvaluatedPicture[];
}

export interface EvaluatedPicture extends SeenPicture {
  readonly condition: string;
  readonly measures: PictureMeasures;
}

/** Two pictures are drawn of every scene: one to be measured as a row, one to measure distances of distributions to. */
const takes = { row: 0, yardstick: 1 } as const;
/** People from whom the variation of identity is taken. */
const CENSUS = 2000;

/** @throws EvaluationError; what the stages and the packs throw; the signal's reason when it is aborted */
export async function evaluate(options: EvaluationOptions): Promise<Evaluation> {
  const { out } = options;
  const prompts = selectPrompts(options.prompts);
  const pictures = new PictureStore(join(out, 'pictures'));
  if (!options.resume && !(await pictures.isEmpty()))
    throw new EvaluationError('evaluation_exists', `${out} has pictures of an earlier evaluation: resume it, or choose another folder.`, {
      out,
    });
  const opened = await openModels(options, pictures);
  try {
    return await run(options, opened, prompts);
  } finally {
    await opened.release();
  }
}

async function run(options: EvaluationOptions, opened: OpenedModels, prompts: readonly Prompt[]): Promise<Evaluation> {
  const { seed, steps, timed } = options;
  const { observer, size } = opened;
  const progress = new Reporter(options.onProgress);
  const people = await admit(options, opened, progress);
  const { subjects, references } = people;
  const [main, ...others] = sectionsOf(options, subjects, prompts);
  const sections = [main, ...others];
  progress.expect(sections.reduce((sum, section) => sum + section.conditions.length * section.subjects.length * section.prompts.length, 0));

  const maker = new RowMaker(opened, progress, options.signal);
  const seen: { section: Section; rows: readonly SeenRow[] }[] = [];
  for (const section of sections) seen.push({ section, rows: await maker.rows(section) });
  const drawn: SeenPicture[] = [];
  for await (const { picture, ...scene } of maker.scenes(main, { seed, take: takes.row }))
    drawn.push({ ...scene, file: null, observation: await observer.observe(picture) });

  const yardstick = await makeYardstick(options, opened, people, main, maker);
  const ceiling = rowOf({ id: 'drawn', title: 'drawn portraits, the ceiling', group: 'drawn' }, drawn, yardstick);
  const tables = seen.map(({ section, rows }): Table => {
    const measured = rows.map((row) => rowOf(row.condition, row.seen, yardstick));
    const { name } = section;
    return {
      name,
      identities: section.subjects.length,
      prompts: section.prompts.map(({ id }) => id),
      rows: name === 'main' ? [ceiling, ...measured] : measured,
    };
  });

  const onPicture = (done: number, total: number) => progress.show('networks', done, total);
  const networks = await measureNetworks(observer, { ...options, ...options.networks, size, onPicture });
  progress.show('speed', 0, timed);
  const speed = await measureSpeed(opened.stages, opened.makers.get(undefined)!, {
    subject: subjects[0]!,
    prompt: prompts[0]!,
    runs: timed,
  });

  const { manifest, digest } = opened.pack;
  const { contents } = opened;
  const { scheduler, guidance_scale, merge_step } = manifest.defaults;
  const { name, version, trained } = manifest;
  const embedding = `image_embeds of the pack’s image encoder (${references[0]!.image.length} numbers)`;
  return {
    report: {
      pack: { name, version, digest, contents, trained },
      settings: { seed, steps, scheduler, guidance_scale, merge_step, compared: options.compare },
      references_without_face: people.refused,
      absent: observer.absent.map(({ message }) => message),
      tables,
      trends: tables.flatMap(({ rows }) => trendsOf(rows, steps)),
      packs: tables.flatMap(({ rows }) => packDifferences(rows)),
      networks,
      speed,
      features: {
        clip: embedding,
        fid: `${embedding}, to as many drawn pictures of the same people and scenes`,
        fgis: 'the mean patch token before its last layer',
      },
    },
    subjects,
    prompts,
    pictures: seen.flatMap(({ section, rows }) => rows.flatMap((row) => picturesOf(section, row, yardstick))),
  };
}

/** What is to be measured: every row on all people and prompts, and the many of the ablations on some of them. */
function sectionsOf(options: EvaluationOptions, subjects: readonly Subject[], prompts: readonly Prompt[]): [Section, ...Section[]] {
  const { steps, compare, ablations: few } = options;
  const main = [method, ...(options.baselines ? baselines(steps) : []), ...compare.map(otherPack)];
  const ablated = few && {
    name: 'ablations' as const,
    conditions: [method, ...ablations(steps)],
    subjects: subjects.slice(0, few.identities),
    prompts: inTurn(prompts, Math.min(few.prompts, prompts.length)),
  };
  return [{ name: 'main', conditions: main, subjects, prompts }, ...(ablated ? [ablated] : [])];
}

/** For the list of all pictures, in which those that the ablations share with the main table are only once. */
function picturesOf({ name }: Section, { condition, seen }: SeenRow, yardstick: Yardstick): EvaluatedPicture[] {
  if (name === 'ablations' && condition === method) return [];
  const measures = measurePictures(seen, yardstick);
  return seen.map((picture, i) => ({ ...picture, condition: condition.id, measures: measures[i]! }));
}

interface People {
  readonly subjects: readonly Subject[];
  readonly references: readonly Observation[];
  /** References in which no face was found: the service would have refused them. */
  readonly refused: number;
}

async function admit(
  { identities, seed, signal }: EvaluationOptions,
  { observer, size }: OpenedModels,
  progress: Reporter,
): Promise<People> {
  const admitted: { subject: Subject; reference: Observation }[] = [];
  for (let index = 0; index < identities; index++) {
    signal?.throwIfAborted();
    const subject = await drawSubject({ seed, index, size });
    const reference = await observer.observe(toRgb(await decodePlain(subject.reference)));
    if (reference.face) admitted.push({ subject, reference });
    progress.show('references', index + 1, identities);
  }
  if (admitted.length === 0)
    throw new EvaluationError('pack_not_evaluable', `No face was found in any of the ${identities} references.`, { identities });
  return {
    subjects: admitted.map(({ subject }) => subject),
    references: admitted.map(({ reference }) => reference),
    refused: identities - admitted.length,
  };
}

async function makeYardstick(
  { seed }: EvaluationOptions,
  { observer }: OpenedModels,
  { subjects, references }: People,
  main: Section,
  maker: RowMaker,
): Promise<Yardstick> {
  const drawn: DrawnPicture[] = [];
  for await (const { picture, ...scene } of maker.scenes(main, { seed, take: takes.yardstick }))
    drawn.push({ ...scene, image: await observer.image(picture) });
  const census = Array.from({ length: CENSUS }, (_, i) => identityVector(randomIdentity(new Random(i))));
  return {
    references,
    people: { vectors: subjects.map(({ identity }) => identityVector(identity)), population: populationOf(census) },
    text: observer.texts && (await embedTexts(observer.texts, subjects, main.prompts)),
    rivals,
    drawn,
  };
}

const rivals = ({ category }: Prompt) => promptsOf(category);

/** The prompts and their rivals, for every subject. */
async function embedTexts(
  texts: TextEncoder,
  subjects: readonly Subject[],
  prompts: readonly Prompt[],
): Promise<(prompt: Prompt, subject: number) => Float32Array> {
  const textOf = ({ id }: Prompt, subject: number) => promptText(id, subjects[subject]!.identity);
  const embedded = new Map<string, Float32Array>();
  for (const prompt of new Set(prompts.flatMap(rivals)))
    for (const subject of subjects.keys()) embedded.set(textOf(prompt, subject), await texts.embed(textOf(prompt, subject)));
  return (prompt, subject) => embedded.get(textOf(prompt, subject))!;
}
