/** What the networks of a pack see in a picture: everything the tables are computed from. */
import {
  cropPicture,
  embedFace,
  extractRegions,
  findFace,
  labelPixels,
  padToSquare,
  PipelineError,
  type Detection,
  type LabelMap,
  type ModelSet,
  type Picture,
} from '@likeness/pipeline';
import { EvaluationError } from '../errors.ts';
import type { RegionFeatures } from '../metrics/region-similarity.ts';
import { openAttributeRegressor, type AttributeRegressor } from './attribute-regressor.ts';
import { openImageEncoder, openTextEncoder, type ImageEncoder, type TextEncoder } from './image-text-encoder.ts';
import type { LoadOptions } from './network.ts';

export interface Observation {
  /** image_embeds of the whole picture. */
  readonly image: Float32Array;
  /** Of unit length; null where no face was found. */
  readonly face: Float32Array | null;
  readonly regions: RegionFeatures;
  /** Null without a regressor. */
  readonly attributes: Float32Array | null;
}

export interface ObservedFace {
  readonly embedding: Float32Array;
  readonly detection: Detection | null;
}

export class Observer {
  readonly models: ModelSet;
  /** Null: the pack has none; `absent` says why. */
  readonly texts: TextEncoder | null;
  readonly absent: readonly EvaluationError[];
  readonly #images: ImageEncoder;
  readonly #attributes: AttributeRegressor | null;

  private constructor(
    models: ModelSet,
    images: ImageEncoder,
    texts: TextEncoder | null,
    attributes: AttributeRegressor | null,
    absent: readonly EvaluationError[],
  ) {
    this.models = models;
    this.texts = texts;
    this.absent = absent;
    this.#images = images;
    this.#attributes = attributes;
  }

  /** A measure that the pack cannot give is left out and said so. */
  static async open(models: ModelSet, options: LoadOptions): Promise<Observer> {
    const absent: EvaluationError[] = [];
    const whereAvailable = async <T>(open: Promise<T>): Promise<T | null> => {
      try {
        return await open;
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        absent.push(error);
        return null;
      }
    };
    const texts = await whereAvailable(openTextEncoder(models.pack, await models.tokenizer(), options));
    const attributes = await whereAvailable(openAttributeRegressor(models.pack, options));
    return new Observer(models, await openImageEncoder(models.pack, options), texts, attributes, absent);
  }

  async observe(picture: Picture): Promise<Observation> {
    return {
      image: await this.image(picture),
      face: (await this.face(picture))?.embedding ?? null,
      regions: await this.#regionsOf(picture),
      attributes: (await this.#attributes?.recover(picture)) ?? null,
    };
  }

  /** image_embeds, not of unit length. */
  async image(picture: Picture): Promise<Float32Array> {
    return (await this.#images.see(picture)).embedding;
  }

  /** As the service finds, aligns and embeds it; null where it says `no_face_detected`. */
  async face(picture: Picture): Promise<ObservedFace | null> {
    try {
      const { face, detection } = await findFace(this.models, picture);
      return face && { embedding: (await embedFace(this.models, face)).data, detection };
    } catch (error) {
      if (error instanceof PipelineError && error.code === 'no_face_detected') return null;
      throw error;
    }
  }

  /** The parser's classes, of the parser's size. */
  async labels(picture: Picture): Promise<LabelMap> {
    return labelPixels(await this.models.parser(), picture, this.models.parserSize);
  }

  async release(): Promise<void> {
    await Promise.all([this.#images.release(), this.texts?.release(), this.#attributes?.release()]);
  }

  /** Both eyes, ears and lips are one region each, so that a head that is turned is compared like with like. */
  async #regionsOf(picture: Picture): Promise<RegionFeatures> {
    const features = new Map<string, Float32Array>();
    for (const { name, image } of extractRegions(await this.labels(picture), picture, { pairs: 'union' })) {
      const part = name.split('_').at(-1)!;
      const crop = cropToRegion(image);
      if (crop) features.set(part, (await this.#images.see(padToSquare(crop))).texture);
    }
    return features;
  }
}

/** Darker pixels than this are the black around a region: `crop_image` of ConsistentID's eval_function.py. */
const BLACK = 10;

/** The bounding box of what is not black; null where all is. */
export function cropToRegion(image: Picture): Picture | null {
  let [left, top, right, bottom] = [image.width, image.height, -1, -1];
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      const at = 3 * (y * image.width + x);
      const grey = 0.299 * image.data[at]! + 0.587 * image.data[at + 1]! + 0.114 * image.data[at + 2]!;
      if (grey <= BLACK) continue;
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    }
  }
  return right < 0 ? null : cropPicture(image, left, top, right - left + 1, bottom - top + 1);
}
