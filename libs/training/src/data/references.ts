/** Reference pictures as ConsistentID's frozen networks see them: the face, the whole picture, its regions. */
import { exportGraph, type WeightSource } from '@likeness/graph';
import { createSession, float32, floats } from '@likeness/inference';
import { clipVisionGraph, faceRecognitionGraph, iresnetConfigOf, type ClipVisionConfig } from '@likeness/models';
import {
  alignFace,
  clipImageConfigOf,
  clipPixels,
  extractRegions,
  recogniseFace,
  regionsInView,
  type LabelMap,
  type Picture,
  type RegionName,
} from '@likeness/pipeline';
import { createHash } from 'node:crypto';
import { faceSize, landmarksOf } from './faces.ts';
import { FeatureFile } from './feature-file.ts';
import type { OpenPictures } from './open-pictures.ts';
import type { RasterFile } from './raster-file.ts';

/** Regions of one picture: face, eye, ear, nose and lip. */
export const slots = 5;

export interface Reference {
  /** [F], of unit length. */
  readonly face: Float16Array;
  /** [T, D] */
  readonly image: Float16Array;
  /** Each [T, D], in class order. */
  readonly regions: readonly { readonly name: RegionName; readonly features: Float16Array }[];
}

export interface References {
  /** T · D, and F. */
  readonly featureLength: number;
  readonly faceLength: number;
  /** What the image encoder makes of zeros: [T, D]. */
  readonly nothing: Float16Array;
  /** By the place of the picture among the records; it must be one of those asked for. */
  read(record: number): Reference;
}

interface Networks {
  readonly vision: ClipVisionConfig;
  readonly imageEncoder: WeightSource;
  readonly recognizer: WeightSource;
}

/** Looks at the pictures of these records with the networks, unless that has been done before. */
export async function openReferences(
  open: OpenPictures,
  labels: RasterFile,
  records: readonly number[],
  { vision, imageEncoder, recognizer }: Networks,
  onProgress: (done: number, total: number) => void,
): Promise<References> {
  const { size } = labels;
  const tokens = 1 + (vision.image_size / vision.patch_size) ** 2;
  const featureLength = tokens * vision.hidden_size;
  const faceLength = iresnetConfigOf(recognizer).num_features;
  const length = faceLength + (1 + slots) * featureLength;
  const labelMap = (record: number): LabelMap => ({ width: size, height: size, data: labels.read(record) });

  const encoder = await createSession({ bytes: exportGraph(clipVisionGraph(imageEncoder, vision, { outputs: ['penultimate'] })).bytes });
  const recogniser = await createSession({ bytes: exportGraph(faceRecognitionGraph(recognizer, iresnetConfigOf(recognizer))).bytes });
  const config = clipImageConfigOf(vision.image_size);
  const features = async (pixels: Float32Array) => {
    const outputs = await encoder.run({ pixel_values: float32([1, 3, vision.image_size, vision.image_size], pixels) });
    return floats(outputs['penultimate']!);
  };
  const look = async (record: number): Promise<Float32Array> => {
    const picture: Picture = { width: size, height: size, channels: 3, data: open.pictures.read(record) };
    const crop = alignFace(picture, landmarksOf(open.records[record]!, size), faceSize);
    const numbers = new Float32Array(length);
    numbers.set(await recogniseFace(recogniser, crop, signedScaling, 'bgr'));
    const parts = [picture, ...extractRegions(labelMap(record), picture).map(({ image }) => image)];
    for (const [i, part] of parts.entries()) numbers.set(await features(clipPixels(part, config).data), faceLength + i * featureLength);
    return numbers;
  };
  try {
    const file = await FeatureFile.make(`${open.cacheFolder}/references-${keyOf(imageEncoder, recognizer, records)}.raw`, {
      count: records.length,
      length,
      render: (index) => look(records[index]!),
      onProgress,
    });
    const placeOf = new Map(records.map((record, place) => [record, place]));
    const namesOf = new Map(records.map((record) => [record, regionsInView(labelMap(record))]));
    return {
      featureLength,
      faceLength,
      nothing: new Float16Array(await features(new Float32Array(3 * vision.image_size ** 2))),
      read(record) {
        const numbers = file.read(placeOf.get(record)!);
        const part = (i: number) => numbers.subarray(faceLength + i * featureLength, faceLength + (i + 1) * featureLength);
        const regions = namesOf.get(record)!.map((name, i) => ({ name, features: part(1 + i) }));
        return { face: numbers.subarray(0, faceLength), image: part(0), regions };
      },
    };
  } finally {
    await Promise.all([encoder.release(), recogniser.release()]);
  }
}

/** (x − 127.5) / 127.5 */
const signedScaling = { mean: 127.5, std: 127.5 };

const keyOf = (imageEncoder: WeightSource, recognizer: WeightSource, records: readonly number[]): string =>
  createHash('sha256')
    .update([imageEncoder.fingerprint, recognizer.fingerprint, ...records].join(' '))
    .digest('hex')
    .slice(0, 16);
