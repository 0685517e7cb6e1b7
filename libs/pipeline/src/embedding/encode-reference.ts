/**
 * What a reference looks like to the networks: face embedding, identity tokens, region tokens. Nothing here depends on the prompt.
 *
 * Reference: JackAILab/ConsistentID e234008, `get_image_embeds`, `get_facial_embeds`, `get_prepare_faceid`.
 */
import { float32 } from '@likeness/inference';
import type { Corrections } from '../corrections.ts';
import { padToSquare, type Picture } from '../image/picture.ts';
import type { EmbeddingModels } from '../model-set.ts';
import { recogniseFace } from '../parsing/face-analysis.ts';
import { channelOrderOf } from '../parsing/parse-face.ts';
import { outputOf, stackRows, type FloatTensor } from '../safetensors.ts';
import { clipPixels, type ClipPixels } from './clip-image.ts';
import { FACIAL_SLOTS, type Identity } from './identity.ts';

export interface SeenReference extends Omit<Identity, 'regions' | 'corrections'> {
  readonly clipPixels: FloatTensor; //   [1, 3, S, S]
  readonly regionPixels: FloatTensor; // [5, 3, S, S], zeros for a region that is missing
}

/** What the identity tokens can rest on: whose face it is (ArcFace), and what the whole picture looks like (CLIP). */
export const identitySources = ['face', 'picture'] as const;
export type IdentitySource = (typeof identitySources)[number];

export interface ReferencePictures {
  readonly picture: Picture;
  /** In ascending class order, at most five. */
  readonly regions: readonly { readonly image: Picture }[];
  /** [1, F]; null for a picture without a face. */
  readonly face: FloatTensor | null;
  readonly corrections?: Corrections;
  /** Default: both, as ConsistentID has it. One that is left out is, to the projection, what a blank reference is: for comparing them. */
  readonly sources?: readonly IdentitySource[] | undefined;
}

/**
 * Up to six runs of the image encoder. What the networks make of nothing (six of the reference's twelve runs, and both projections
 * of them) is a constant of the pack.
 */
export async function encodeReference(
  models: EmbeddingModels,
  { picture, regions, face: found, corrections = [], sources = identitySources }: ReferencePictures,
): Promise<SeenReference> {
  const noFace = float32([1, await faceWidth(models)]);
  const face = found ?? noFace;
  const processor = await models.clipImage();
  const framed = (image: Picture) => (corrections.includes('pad_to_square') ? padToSquare(image) : image);
  const whole = asTensor(clipPixels(framed(picture), processor));
  const parts = regions.map(({ image }) => asTensor(clipPixels(framed(image), processor)));
  const blank = float32(whole.dims);

  const nothing = await models.once('clip(0)', () => clipFeatures(models, blank));
  const noRegion = await models.once('region(clip(0))', () => projectRegion(models, nothing));
  const tokens: FloatTensor[] = [];
  for (const pixels of parts) tokens.push(await projectRegion(models, await clipFeatures(models, pixels)));

  return {
    face,
    clipPixels: whole,
    regionPixels: stackRows(...filled(parts, blank)),
    regionTokens: asBatch(stackRows(...filled(tokens, noRegion))),
    regionTokensUncond: asBatch(stackRows(...filled([], noRegion))),
    idTokens: await projectIdentity(
      models,
      sources.includes('face') ? face : noFace,
      sources.includes('picture') ? await clipFeatures(models, whole) : nothing,
    ),
    idTokensUncond: await models.once('identity(0, clip(0))', () => projectIdentity(models, noFace, nothing)),
  };
}

/** An aligned crop → float32 [1, F], of length 1. */
export async function embedFace(models: EmbeddingModels, crop: Picture, corrections: Corrections = []): Promise<FloatTensor> {
  const { session, scaling } = await models.recogniser();
  const embedding = await recogniseFace(session, crop, scaling, channelOrderOf(models, corrections));
  return float32([1, embedding.length], embedding);
}

/** [1, 3, S, S] → every token before the last layer, [1, T, D]. */
const clipFeatures = async (models: EmbeddingModels, pixels: FloatTensor) =>
  outputOf(await (await models.imageEncoder()).run({ pixel_values: pixels }), 'penultimate');

/** Numbers of a face's embedding, as the identity projection takes it. */
async function faceWidth(models: EmbeddingModels): Promise<number> {
  const { inputs } = await models.identityProjection();
  return Number(inputs.find(({ name }) => name === 'id_embeds')!.dims[1]);
}

/** [1, F] and [1, T, D] → [1, 4, C]. */
const projectIdentity = async (models: EmbeddingModels, face: FloatTensor, clip: FloatTensor) =>
  outputOf(await (await models.identityProjection()).run({ id_embeds: face, clip_embeds: clip }), 'tokens');

/** [1, T, D] → [1, 1, C]. */
const projectRegion = async (models: EmbeddingModels, features: FloatTensor) =>
  outputOf(await (await models.visualProjection()).run({ region_features: features }), 'region_tokens');

const filled = (given: readonly FloatTensor[], rest: FloatTensor): FloatTensor[] =>
  Array.from({ length: FACIAL_SLOTS }, (_, i) => given[i] ?? rest);

const asTensor = ({ data, height, width }: ClipPixels) => float32([1, 3, height, width], data);
const asBatch = ({ dims, data }: FloatTensor) => float32([1, ...dims], data);
