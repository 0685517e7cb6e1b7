import { mkdtemp, readdir, readFile, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluate, type Evaluation, type EvaluationOptions } from './evaluate.ts';
import type { Progress } from './progress.ts';
import type { Report } from './report/report.ts';
import { writeReport } from './report/write-report.ts';
import { writeTinyPack } from './testing/tiny-pack.ts';

let folder: string;
let options: EvaluationOptions;
let evaluation: Evaluation;
let paths: string[];
const noted: Progress[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evaluation-'));
  await writeTinyPack(folder, 'tiny');
  await writeTinyPack(folder, 'tiny-other', { unet: 33 });
  options = {
    pack: 'tiny',
    packDirs: [folder],
    compare: ['tiny-other'],
    identities: 2,
    prompts: 'red-hat,snow',
    steps: 2,
    seed: 5,
    baselines: true,
    ablations: { identities: 1, prompts: 1 },
    networks: { people: 2, shots: 2 },
    timed: 1,
    out: join(folder, 'out'),
    resume: false,
    strict: true,
    threads: 1,
    onProgress: (progress) => noted.push(progress),
  };
  evaluation = await evaluate(options);
  paths = await writeReport(evaluation, options.out);
});
afterAll(() => rm(folder, { recursive: true }));

const rowsOf = (report: Report, table: 'main' | 'ablations') => report.tables.find(({ name }) => name === table)!.rows;
const madeIn = (progress: readonly Progress[]) => Math.max(...progress.map(({ made }) => made));
/** All that must be the same when an evaluation is repeated. */
const lasting = ({ speed: _, ...report }: Report) => report;

describe('an evaluation', () => {
  it('has the rows that were asked for, each on the same people and prompts', () => {
    const { report } = evaluation;
    expect(rowsOf(report, 'main').map(({ id }) => id)).toEqual([
      'drawn',
      'consistentid',
      'text-only',
      'image-tokens',
      'face-id',
      'pack-tiny-other',
    ]);
    const parts = ['consistentid', 'overall-only', 'fine-grained-only'];
    const regions = ['face', 'eyes', 'ears', 'nose', 'mouth'].map((region) => `without-${region}`);
    expect(rowsOf(report, 'ablations').map(({ id }) => id)).toEqual([...parts, ...regions, 'merge-step-0', 'merge-step-1', 'merge-step-2']);
    for (const { pictures } of rowsOf(report, 'main')) expect(pictures).toBe(4);
    for (const { pictures } of rowsOf(report, 'ablations')) expect(pictures).toBe(1);
  });

  it('measures everything, with networks that it has', () => {
    const { report } = evaluation;
    expect(report.absent).toEqual([]);
    expect(report.pack).toMatchObject({ name: 'tiny', contents: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown });
    for (const row of rowsOf(report, 'main')) {
      expect(Math.abs(row.clip_t!)).toBeLessThanOrEqual(100);
      expect(row.face.found).toBe(100); // without a detector, the middle of the picture
      expect(row.face.rank5).toBe(100); // of two people
      expect(row.attributes!.same).toBeGreaterThanOrEqual(0);
      expect(row.fgis.same).toBeGreaterThan(0);
      expect(row.fid!).toBeGreaterThanOrEqual(0);
      expect(Object.keys(row.recognised!.by_category)).toEqual(['accessory', 'background']);
      expect(row.by_subject.face).toHaveLength(2);
    }
    expect(report.networks).toMatchObject({ people: 2, shots_each: 2, detector: null, recogniser: { faces_found: 1 } });
    expect(report.speed.total).toBeGreaterThan(0);
  });

  it('tells rows apart by what the pipeline was asked for', () => {
    const files = (row: string) => evaluation.pictures.filter(({ condition }) => condition === row).map(({ file }) => file);
    const different = ['consistentid', 'text-only', 'image-tokens', 'face-id', 'fine-grained-only', 'pack-tiny-other'];
    expect(new Set(different.map((row) => files(row)[0])).size).toBe(different.length);
    expect(files('merge-step-2')).toEqual(files('overall-only')); // never merged: one picture in two rows
  });

  it('says nothing of the paper that two people cannot decide, but says that', () => {
    expect(evaluation.report.trends.length).toBeGreaterThan(8);
    const alone = evaluation.report.trends.filter(({ lower }) => lower === 'without-eyes');
    expect(alone).toMatchObject([{ verdict: 'undecided', measure: 'fgis' }]);
  });

  it('leaves the report, a list of pictures and the sheets', async () => {
    const names = paths.map((path) => path.slice(options.out.length + 1));
    const sheets = ['sheet.png', 'sheet-accessory-1.png', 'sheet-background-1.png', 'sheet-rows.png'];
    expect(names).toEqual(['report.json', 'report.md', 'pictures.csv', ...sheets]);
    const report = JSON.parse(await readFile(paths[0]!, 'utf8')) as Report;
    expect(report).toEqual(JSON.parse(JSON.stringify(evaluation.report)));
    const markdown = await readFile(paths[1]!, 'utf8');
    expect(markdown).toContain('| image tokens only, as IP-Adapter |');
    expect(markdown).toContain('not trained');
    expect(markdown).not.toMatch(/undefined|\bNaN\b/);
    const lines = (await readFile(paths[2]!, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(1 + 5 * 4 + 10);
    expect(markdown).toMatch(/- FaceSim [\d.]+ for “ConsistentID”, [\d.]+ for “pack tiny-other”: [+−][\d.]+ ± [\d.]+\./);
    expect(await readdir(join(options.out, 'references'))).toEqual(['person-0.png', 'person-1.png']);
    const { width, height } = await sharp(paths[3]).metadata();
    expect(width).toBeGreaterThan(3 * 160);
    expect(height).toBeGreaterThan(2 * 160);
  });
});

it('a pack with a detector answers for that too, and leaves out whom it cannot see', async () => {
  await writeTinyPack(folder, 'tiny-seeing', { detector: true });
  const few = { compare: [], baselines: false, ablations: null, prompts: 'snow', out: join(folder, 'seeing') };
  const { report, subjects } = await evaluate({ ...options, ...few, pack: 'tiny-seeing' });
  expect(report.references_without_face).toBe(2 - subjects.length);
  const { recall, found, landmark_error } = report.networks.detector!;
  expect(recall).toBe(0); // it was never trained
  expect(found).toBe(report.networks.recogniser.faces_found);
  expect(landmark_error === null || landmark_error > 0.1).toBe(true);
});

describe('an evaluation that was cut off', () => {
  it('is not begun over the pictures of another by mistake', async () => {
    await expect(evaluate(options)).rejects.toMatchObject({ code: 'evaluation_exists', detail: { out: options.out } });
  });

  it('makes only the picture that is missing, and comes to the same numbers', async () => {
    const first = madeIn(noted);
    expect(first).toBe(new Set(evaluation.pictures.map(({ file }) => file)).size);
    const pictures = join(options.out, 'pictures');
    const before = await readFile(join(pictures, evaluation.pictures[0]!.file!));
    await unlink(join(pictures, evaluation.pictures[0]!.file!));

    const again: Progress[] = [];
    const resumed = await evaluate({ ...options, resume: true, onProgress: (progress) => again.push(progress) });
    expect(madeIn(again)).toBe(1);
    expect(lasting(resumed.report)).toEqual(lasting(evaluation.report));
    expect(await readFile(join(pictures, evaluation.pictures[0]!.file!))).toEqual(before);
    expect(await readdir(pictures)).toHaveLength(first);
  });

  it('makes a picture again whose recipe is another', async () => {
    const other: Progress[] = [];
    const small = { ...options, compare: [], baselines: false, ablations: null, identities: 1, prompts: 'snow', resume: true };
    await evaluate({ ...small, onProgress: (progress) => other.push(progress) });
    expect(madeIn(other)).toBe(0);
    await evaluate({ ...small, steps: 3, onProgress: (progress) => other.push(progress) });
    expect(madeIn(other)).toBe(1);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const stopped = evaluate({ ...options, resume: true, seed: 6, signal: controller.signal, onProgress: () => controller.abort() });
    await expect(stopped).rejects.toThrow(/aborted/);
  });
});
