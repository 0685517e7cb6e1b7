/**
 * A folder of portraits as ConsistentID's data pipeline leaves it (JackAILab/ConsistentID e234008, `data/FGID_*.py`), so that whatever trains
 * on photographs trains on drawn people, too. Paths in the JSON count from the folder. The embeddings of a recogniser are left to a recogniser.
 *
 *     FGID_Origin/000012/3.png                 the portrait
 *     FGID_resize/000012/3_resize.png          the same: it is drawn in the size that is asked for
 *     FGID_parsing_mask/000012/3_mask.png      the label map, a class from 0 to 18 per pixel
 *     FGID_parsing_color/000012/3_color.png    the label map in colours over the portrait
 *     FGID_JSON/000012/3.json                  an entry; JSON_all.json is the list of all
 *     identity.json                            the people, and what their numbers mean
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { drawPortrait, MOST_SIZE, LEAST_SIZE, type Portrait } from './draw.ts';
import { PortraitError, wholeNumber } from './errors.ts';
import { appearanceOf } from './person/appearance.ts';
import { identityNumbers, identityVector, identityVectorNames, randomIdentity, type Identity } from './person/identity.ts';
import { Random } from './random.ts';
import { scenarioIds, scenarioShot } from './scenarios.ts';
import { isPlain, plainShot, randomShot, type Shot } from './shot.ts';

export interface DatasetOptions {
  /** Portraits. */
  readonly count: number;
  /** Portraits of a person; of the last one there may be fewer. Default: 4. */
  readonly shots?: number;
  /** Default: 0. */
  readonly seed?: number;
  /** Pixels of a side. Default: 128. */
  readonly size?: number;
  /** Threads that draw: the bytes are the same. Default: 1. */
  readonly workers?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What an entry of the JSON holds: the fields of FGID, and what only a drawn portrait knows. */
export interface DatasetEntry {
  readonly origin_IMG: string;
  readonly resize_IMG: string;
  readonly parsing_mask_IMG: string;
  readonly parsing_color_IMG: string;
  /** The caption. */
  readonly vqa_llva: string;
  /** The sentence about the face. */
  readonly vqa_llva_more_face_detail: string;
  /** The id in identity.json. */
  readonly identity: string;
  readonly scenario?: string;
  /** A photograph of the person as such, as one would send as a reference. */
  readonly plain?: true;
  /** What captions leave out: hair, beard, skin. */
  readonly appearance: string;
  /** x and y of the eyes, the nose and the corners of the mouth, in sides of the picture. */
  readonly landmarks: readonly number[];
}

export interface Sample {
  readonly identity: Identity;
  readonly shot: Shot;
}

/** The `shot`th picture of the `person`th of a data set: decided by the seed and these two numbers alone. The first one is plain. */
export function sampleOf(seed: number, person: number, shot: number): Sample {
  const identity = randomIdentity(new Random(seed, person));
  const random = new Random(seed, person, shot + 1);
  const kind = shot === 0 ? 'plain' : random.weighted({ scenario: 50, free: 35, plain: 15 });
  if (kind === 'scenario') return { identity, shot: scenarioShot(random.pick(scenarioIds), random, identity) };
  return { identity, shot: kind === 'free' ? randomShot(random, identity) : plainShot(random, identity) };
}

/**
 * Draws a data set into an empty or new folder. The same options give the same bytes.
 * @throws PortraitError `invalid_argument`, `folder_not_empty`
 */
export async function drawDataset(folder: string, options: DatasetOptions): Promise<DatasetEntry[]> {
  const count = wholeNumber('count', options.count, 1);
  const shots = wholeNumber('shots', options.shots ?? 4, 1);
  const seed = wholeNumber('seed', options.seed ?? 0, 0);
  const size = wholeNumber('size', options.size ?? 128, LEAST_SIZE, MOST_SIZE);
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new PortraitError('folder_not_empty', `${folder} is not empty.`, { folder });

  const job: DrawingJob = { folder, count, shots, seed, size, people: Math.ceil(count / shots) };
  const workers = Math.min(wholeNumber('workers', options.workers ?? 1, 1), job.people);
  let done = 0;
  const onPerson = (entries: readonly DatasetEntry[]) => options.onProgress?.((done += entries.length), count);
  const parts = Array.from({ length: workers }, (_, part) => ({ ...job, first: part, step: workers }));
  const drawn = await Promise.all(parts.map((part) => (workers === 1 ? drawPeople(part, onPerson) : drawInWorker(part, onPerson))));
  const entries = drawn.flat().sort((a, b) => a.identity.localeCompare(b.identity)); // stable: the shots of a person stay in order

  await writeJson(join(folder, 'JSON_all.json'), entries);
  const people = Array.from({ length: job.people }, (_, person) => sampleOf(seed, person, 0).identity);
  await writeJson(join(folder, 'identity.json'), {
    seed,
    parameters: identityNumbers,
    vector: identityVectorNames,
    identities: people.map((identity, person) => ({ id: nameOf(person), ...identity, vector: Array.from(identityVector(identity)) })),
  });
  return entries;
}

interface DrawingJob extends Required<Omit<DatasetOptions, 'onProgress' | 'workers'>> {
  readonly folder: string;
  readonly people: number;
}

/** Every `step`th person, from the `first` on. */
export interface DrawingPart extends DrawingJob {
  readonly first: number;
  readonly step: number;
}

/** Draws and writes a part of the people, one after another; tells of each. */
export async function drawPeople(
  { folder, people, count, shots, seed, size, first, step }: DrawingPart,
  onPerson: (entries: readonly DatasetEntry[]) => void,
): Promise<DatasetEntry[]> {
  const entries: DatasetEntry[] = [];
  let writing: Promise<unknown> = Promise.resolve(); // the last person's files are encoded while the next one is drawn
  for (let person = first; person < people; person += step) {
    const drawn = Array.from({ length: Math.min(shots, count - person * shots) }, (_, shot) => {
      const sample = sampleOf(seed, person, shot);
      const portrait = drawPortrait(sample.identity, sample.shot, { size });
      return { entry: entryOf(person, shot, sample, portrait), portrait };
    });
    await writing;
    writing = Promise.all(drawn.map(({ entry, portrait }) => writePortrait(folder, entry, portrait)));
    const told = drawn.map(({ entry }) => entry);
    entries.push(...told);
    onPerson(told);
  }
  await writing;
  return entries;
}

function drawInWorker(part: DrawingPart, onPerson: (entries: readonly DatasetEntry[]) => void): Promise<DatasetEntry[]> {
  const fromSource = import.meta.url.endsWith('.ts');
  const worker = new Worker(new URL(fromSource ? './dataset-worker.ts' : './dataset-worker.js', import.meta.url), { workerData: part });
  const entries: DatasetEntry[] = [];
  return new Promise((resolve, reject) => {
    worker.on('message', (told: readonly DatasetEntry[]) => {
      entries.push(...told);
      onPerson(told);
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve(entries)); // after an error this is too late to matter
  });
}

const nameOf = (person: number) => String(person).padStart(6, '0');

function entryOf(person: number, shot: number, { identity, shot: taken }: Sample, portrait: Portrait): DatasetEntry {
  const name = `${nameOf(person)}/${shot}`;
  return {
    origin_IMG: `./FGID_Origin/${name}.png`,
    resize_IMG: `./FGID_resize/${name}_resize.png`,
    parsing_mask_IMG: `./FGID_parsing_mask/${name}_mask.png`,
    parsing_color_IMG: `./FGID_parsing_color/${name}_color.png`,
    vqa_llva: portrait.caption,
    vqa_llva_more_face_detail: portrait.facialSentence,
    identity: nameOf(person),
    ...(taken.scenario === undefined ? {} : { scenario: taken.scenario }),
    ...(isPlain(taken) ? { plain: true } : {}),
    appearance: appearanceOf(identity),
    landmarks: Array.from(portrait.landmarks, (x) => Math.round((1e5 * x) / portrait.size) / 1e5),
  };
}

async function writePortrait(folder: string, entry: DatasetEntry, { size, pixels, labels }: Portrait): Promise<void> {
  const portrait = await png(pixels, size, 3);
  await Promise.all([
    write(join(folder, entry.origin_IMG), portrait),
    write(join(folder, entry.resize_IMG), portrait),
    write(join(folder, entry.parsing_mask_IMG), await png(labels, size, 1)),
    write(join(folder, entry.parsing_color_IMG), await png(overlay(pixels, labels), size, 3)),
    writeJson(join(folder, entry.origin_IMG.replace('FGID_Origin', 'FGID_JSON').replace(/png$/, 'json')), entry),
  ]);
}

const png = (data: Uint8Array, size: number, channels: 1 | 3): Promise<Buffer> =>
  sharp(data, { raw: { width: size, height: size, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();

async function write(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

const writeJson = (path: string, value: unknown): Promise<void> => write(path, JSON.stringify(value, null, 2) + '\n');

/** Two parts of the picture to three of a colour by class, as `vis_parsing_maps` of face-parsing.PyTorch does; background stays white. */
const classColours = [
  [255, 255, 255], [255, 0, 0], [255, 85, 0], [255, 170, 0], [255, 0, 85], [255, 0, 170], [0, 255, 0], [85, 255, 0], [170, 255, 0],
  [0, 255, 85], [0, 255, 170], [0, 0, 255], [85, 0, 255], [170, 0, 255], [0, 85, 255], [0, 170, 255], [255, 255, 0], [255, 255, 85],
  [255, 255, 170],
] as const; // prettier-ignore

function overlay(pixels: Uint8Array, labels: Uint8Array): Uint8Array {
  return pixels.map((value, i) => Math.round(0.4 * value + 0.6 * classColours[labels[Math.floor(i / 3)]!]![i % 3]!));
}
