/** What a recogniser and a detector learn from: whose face a picture shows and where. Fields of this project beside those of FGID. */
import { alignFace } from '@likeness/pipeline';
import { z } from 'zod';
import { TrainingError } from '../errors.ts';
import { Random } from '../random.ts';
import type { FgidRecord } from './fgid.ts';
import { lacking, type OpenPictures } from './open-pictures.ts';
import { RasterFile } from './raster-file.ts';

/** Of a crop for the recogniser, along a side. */
export const faceSize = 112;

const Landmarks = z.array(z.number()).length(10);

/** Eyes, nose and corners of the mouth (x, y each) in pixels of a picture of `size`; they are stored in shares of the picture. */
export function landmarksOf({ picture, more }: FgidRecord, size: number): readonly number[] {
  const parsed = Landmarks.safeParse(more['landmarks'] ?? lacking(picture, 'landmarks'));
  if (parsed.success) return parsed.data.map((share) => share * size);
  throw new TrainingError('dataset_invalid', `${picture}: landmarks are not ten numbers.`, { picture, landmarks: more['landmarks'] });
}

/** Whose picture each is: numbers from 0, in the order in which the subjects first occur. */
export function numberSubjects(records: readonly FgidRecord[]): { subjects: readonly number[]; count: number } {
  const numbers = new Map<string, number>();
  const subjects = records.map(({ picture, more }) => {
    const subject = typeof more['identity'] === 'string' ? more['identity'] : lacking(picture, 'identity');
    if (!numbers.has(subject)) numbers.set(subject, numbers.size);
    return numbers.get(subject)!;
  });
  return { subjects, count: numbers.size };
}

/** Crops of the faces [112, 112, 3], turned upright by landmarks that are off by `jitter` pixels of the picture, as a detector's are. */
export function alignedFaces(
  { records, pictures, cacheFolder }: OpenPictures,
  { seed, jitter, onProgress }: { seed: number; jitter: number; onProgress: (done: number, total: number) => void },
): Promise<RasterFile> {
  const { size } = pictures;
  const render = (index: number) => {
    const random = new Random(seed, 'landmarks', index);
    const landmarks = landmarksOf(records[index]!, size).map((x) => x + jitter * random.normal());
    return alignFace({ width: size, height: size, channels: 3, data: pictures.read(index) }, landmarks, faceSize).data;
  };
  const files = records.map(({ picture }) => picture);
  const name = `faces-of-${size}-jitter-${jitter}-seed-${seed}`;
  return RasterFile.make(files, { name, channels: 3, render }, { size: faceSize, cacheFolder, onProgress });
}
