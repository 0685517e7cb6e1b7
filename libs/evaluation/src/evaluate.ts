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
import { openBench, type Bench } from './bench.ts';
import { ablations, baselines, method, otherPack, type Condition } from './conditions.ts';
import { EvaluationError } from './errors.ts';
import { measureNetworks } from './measuring/measure-networks.ts';
import { measureSpeed } from './measuring/measure-speed.ts';
import type { Observation } from './measuring/observer.ts';
import { populationOf } from './metrics/attribute-similarity.ts';
import { PictureStore } from './picture-store.ts';
import { Reporter, type Progress } from './progress.ts';
import { inTurn, promptsOf, promptText, selectPrompts, type Prompt } from './prompts.ts';
import type { Report, Table } from './report/report.ts';
import { measurePictures, rowOf, type PictureMeasures, type SeenPicture, type Yardstick } from './rows.ts';
import { Seer } from './seer.ts';
import { drawSubject, type Subject } from './subjects.ts';
import { trendsOf } from './trends.ts';

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
  const prompts = selectPrompts(options.prompts);
  const pictures = new PictureStore(join(options.out, 'pictures'));
  if (!options.resume && !(await pictures.isEmpty()))
    throw new EvaluationError(
      'evaluation_exists',
      `${options.out} has pictures of an earlier evaluation: resume it, or choose another folder.`,
      {
        out: options.out,
      },
    );
  const bench = await openBench(options, pictures);
  try {
    return await run(options, bench, prompts);
  } finally {
    await bench.release();
  }
}

async function run(options: EvaluationOptions, bench: Bench, prompts: readonly Prompt[]): Promise<Evaluation> {
  const { seed, steps } = options;
  const progress = new Reporter(options.onProgress);
  const people = await admit(options, bench, progress);
  const { subjects } = people;

  const few = options.ablations && {
    subjects: subjects.slice(0, options.ablations.identities),
    prompts: inTurn(prompts, Math.min(options.ablations.prompts, prompts.length)),
  };
  const mainRows = [method, ...(options.baselines ? baselines(steps) : []), ...options.compare.map(otherPack)];
  const fewRows = few ? [method, ...ablations(steps)] : [];
  progress.expect(
    mainRows.length * subjects.length * prompts.length + (few ? fewRows.length * few.subjects.length * few.prompts.length : 0),
  );

  const see = new Seer(bench, progress, options.signal);
  const main = await see.rows(mainRows, subjects, prompts);
  const ablated = few ? await see.rows(fewRows, few.subjects, few.prompts) : new Map<Condition, SeenPicture[]>();
  const drawn = (take: number) => see.drawn(subjects, prompts, { seed, take });
  const yardstick = await makeYardstick(bench, people, await drawn(takes.yardstick), prompts);

  const rows = [...main].map(([condition, seen]) => rowOf(condition, seen, yardstick));
  const ideal = rowOf({ id: 'drawn', title: 'drawn portraits, the ceiling', group: 'drawn' }, await drawn(takes.row), yardstick);
  const tables: Table[] = [
    { name: 'main', identities: subjects.length, prompts: prompts.map(({ id }) => id), rows: [ideal, ...rows] },
    ...(few
      ? [
          {
            name: 'ablations' as const,
            identities: few.subjects.length,
            prompts: few.prompts.map(({ id }) => id),
            rows: [...ablated].map(([condition, seen]) => rowOf(condition, seen, yardstick)),
          },
        ]
      : []),
  ];

  const networks = await measureNetworks(bench.observer, {
    ...options,
    ...options.networks,
    size: bench.size,
    onPicture: (done, total) => progress.show('networks', done, total),
  });
  progress.show('speed', 0, options.timed);
  const speed = await measureSpeed(bench.stages, bench.makers.get(undefined)!, {
    subject: subjects[0]!,
    prompt: prompts[0]!,
    runs: options.timed,
  });

  const { manifest, digest } = bench.pack;
  return {
    report: {
      pack: { name: manifest.name, version: manifest.version, digest, trained: manifest.trained },
      settings: {
        seed,
        steps,
        scheduler: manifest.defaults.scheduler,
        guidance_scale: manifest.defaults.guidance_scale,
        merge_step: manifest.defaults.merge_step,
        compared: options.compare,
      },
      references_without_face: people.refused,
      absent: bench.observer.absent.map(({ message }) => message),
      tables,
      trends: tables.flatMap(({ rows }) => trendsOf(rows, steps)),
      networks,
      speed,
      features: {
        clip: 'image_embeds of the pack’s image encoder',
        fid: 'image_embeds of the pack’s image encoder',
        fgis: 'mean patch token before its last layer',
      },
    },
    subjects,
    prompts,
    pictures: [...main, ...[...ablated].filter(([condition]) => condition !== method)].flatMap(([{ id }, seen]) => {
      const measures = measurePictures(seen, yardstick);
      return seen.map((picture, i) => ({ ...picture, condition: id, measures: measures[i]! }));
    }),
  };
}

interface People {
  readonly subjects: readonly Subject[];
  readonly references: readonly Observation[];
  /** References in which no face was found: the service would have refused them. */
  readonly refused: number;
}

async function admit({ identities, seed, signal }: EvaluationOptions, { observer, size }: Bench, progress: Reporter): Promise<People> {
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
  { observer }: Bench,
  { subjects, references }: People,
  drawn: readonly SeenPicture[],
  prompts: readonly Prompt[],
): Promise<Yardstick> {
  const { texts } = observer;
  const census = Array.from({ length: CENSUS }, (_, i) => identityVector(randomIdentity(new Random(i))));
  const rivals = (prompt: Prompt) => promptsOf(prompt.category);
  const embedded = new Map<string, Float32Array>();
  const textOf = ({ id }: Prompt, subject: number) => promptText(id, subjects[subject]!.identity);
  if (texts)
    for (const prompt of new Set(prompts.flatMap(rivals)))
      for (const subject of subjects.keys()) embedded.set(textOf(prompt, subject), await texts.embed(textOf(prompt, subject)));
  return {
    references,
    people: { vectors: subjects.map(({ identity }) => identityVector(identity)), population: populationOf(census) },
    text: texts && ((prompt, subject) => embedded.get(textOf(prompt, subject))!),
    rivals,
    drawn,
  };
}
