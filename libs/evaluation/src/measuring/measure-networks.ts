/** How good the pack's own measuring instruments are, on freshly drawn pictures of strangers about which everything is known. */
import type { Picture } from '@likeness/pipeline';
import { labelNames } from '@likeness/portraits';
import { landmarkError } from '../metrics/landmark-error.ts';
import { Confusion } from '../metrics/mean-iou.ts';
import { psnr } from '../metrics/psnr.ts';
import { rocAuc } from '../metrics/roc-auc.ts';
import { dot, mean } from '../metrics/vectors.ts';
import { drawStranger, pictureOf } from '../subjects.ts';
import { openAutoencoder } from './autoencoder.ts';
import type { LoadOptions } from './network.ts';
import type { Observer } from './observer.ts';

/** A detection is right when its landmarks are off by at most this part of the distance between the eyes (the usual bound of face alignment). */
const LANDMARK_BOUND = 0.1;

export interface NetworkMeasures {
  readonly people: number;
  readonly shots_each: number;
  readonly parser: { readonly mean_iou: number; readonly iou: Readonly<Record<string, number | null>> };
  /** `faces_found`: part of the pictures; pairs are made of these. */
  readonly recogniser: { readonly roc_auc: number; readonly same: number; readonly other: number; readonly faces_found: number };
  /** Null: the pack has no detector. `landmark_error`: of what was found, in distances between the eyes. */
  readonly detector: { readonly recall: number; readonly found: number; readonly landmark_error: number | null } | null;
  readonly autoencoder: { readonly psnr_db: number };
}

export interface NetworkOptions extends LoadOptions {
  readonly seed: number;
  readonly people: number;
  readonly shots: number;
  /** Side of the drawings, pixels. */
  readonly size: number;
  readonly onPicture?: (done: number, total: number) => void;
}

export async function measureNetworks(observer: Observer, options: NetworkOptions): Promise<NetworkMeasures> {
  const { seed, people, shots, size, onPicture } = options;
  const confusion = new Confusion(labelNames.length);
  const faces: { person: number; embedding: Float32Array }[] = [];
  const errors: number[] = [];
  const noise: number[] = [];
  const autoencoder = await openAutoencoder(observer.models.pack, size, options);
  try {
    for (let i = 0; i < people * shots; i++) {
      const person = Math.floor(i / shots);
      const portrait = drawStranger(person, i % shots, { seed, size });
      const picture = pictureOf(portrait);
      confusion.add(portrait.labels, enlarged(await observer.labels(picture), size));
      const found = await observer.face(picture);
      if (found) faces.push({ person, embedding: found.embedding });
      if (found?.detection) errors.push(landmarkError(found.detection.landmarks, portrait.landmarks));
      noise.push(psnr((await autoencoder.reconstruct(picture)).data, picture.data));
      onPicture?.(i + 1, people * shots);
    }
  } finally {
    await autoencoder.release();
  }
  const total = people * shots;
  return {
    people,
    shots_each: shots,
    parser: { mean_iou: confusion.meanIou(), iou: Object.fromEntries(confusion.iou().map((iou, c) => [labelNames[c]!, iou])) },
    recogniser: { ...recognition(faces), faces_found: faces.length / total },
    detector: observer.models.pack.manifest.detector && {
      recall: errors.filter((error) => error <= LANDMARK_BOUND).length / total,
      found: errors.length / total,
      landmark_error: errors.length > 0 ? mean(errors) : null,
    },
    autoencoder: { psnr_db: mean(noise) },
  };
}

/** Every pair of pictures, of one person or of two. */
function recognition(faces: readonly { readonly person: number; readonly embedding: Float32Array }[]) {
  const [same, other]: [number[], number[]] = [[], []];
  for (const [i, a] of faces.entries())
    for (const b of faces.slice(i + 1)) (a.person === b.person ? same : other).push(dot(a.embedding, b.embedding));
  return { roc_auc: rocAuc(same, other), same: mean(same), other: mean(other) };
}

/** Classes of a square of another size, each pixel those of the nearest. */
export function enlarged(labels: Omit<Picture, 'channels'>, size: number): Uint8Array {
  if (labels.width === size) return labels.data;
  const at = (k: number) => Math.floor(((k + 0.5) * labels.width) / size);
  return Uint8Array.from({ length: size * size }, (_, i) => labels.data[at(Math.floor(i / size)) * labels.width + at(i % size)]!);
}
