/** Stages that only move bytes: for measuring and testing everything around the models. */
import { createHash } from 'node:crypto';
import { float32, nextTurn } from '@likeness/inference';
import type { Pack } from '@likeness/models';
import { outputFormats } from './image/encode.ts';
import { blankPicture } from './image/picture.ts';
import { seedOfImage } from './options.ts';
import { writeTensors } from './safetensors.ts';
import type { Stages } from './stages.ts';

/** One grey pixel. */
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==', 'base64');
const EMPTY = writeTensors({ none: float32([0]) });

export const noopStages = (pack: Pack): Stages => ({
  pack,
  parseFace: async () => ({ face: PIXEL, hasFace: true, labelMap: PIXEL, regions: [], detection: null, warnings: [] }),
  embedIdentity: async () => ({ identity: EMPTY }),
  samplePortrait: async ({ numImages, seed }, { onStep, signal } = {}) => {
    const sha256 = createHash('sha256').update(PIXEL).digest('hex');
    const images = [];
    for (let k = 0; k < numImages; k++) {
      images.push({ bytes: PIXEL, contentType: outputFormats.png, width: 1, height: 1, seed: seedOfImage(seed, k), sha256 });
      await onStep?.(k + 1, numImages, float32([1, 4, 0, 0]));
      await nextTurn(signal);
    }
    return { images, resumedAt: 0 };
  },
  preview: async () => blankPicture(1, 1),
  identitySimilarity: async () => null,
  compareFaces: async () => null,
  warmUp: async () => {},
  release: async () => {},
});
