/**
 * Stage 2: who it is (ArcFace), what the whole picture and the regions look like (CLIP), and what was asked for (text) → the
 * rows that steer the denoising.
 *
 * Reference: JackAILab/ConsistentID e234008, `get_image_embeds`, `get_facial_embeds`, `encode_prompt_with_trigger_word` and
 * the first half of `__call__` of its SD1.5 pipeline.
 */
import { bool, float32, floats, int64 } from '@likeness/inference';
import { decodePicture, decodePlain } from '../image/decode.ts';
import { toRgb, type Picture } from '../image/picture.ts';
import type { EmbeddingModels } from '../model-set.ts';
import { recogniseFace } from '../parsing/face-analysis.ts';
import type { RegionName } from '../parsing/regions.ts';
import { joinTokens, stackRows, writeTensors, type FloatTensor } from '../safetensors.ts';
import { clipPixels, type ClipPixels } from './clip-image.ts';
import { FACIAL_TOKEN, IMAGE_TOKEN, markPrompt, type MarkedPrompt } from './facial-markers.ts';

export interface EmbedIdentityInput {
  /** The file as uploaded. */
  readonly reference: Uint8Array;
  /** PNG, 112 × 112. Null: no face was found, and the identity rests on the pictures alone. */
  readonly face: Uint8Array | null;
  /** As `parseFace` left them. */
  readonly regions: readonly { readonly name: RegionName; readonly png: Uint8Array }[];
  readonly prompt: string;
  readonly negativePrompt: string;
}

export interface EmbeddedIdentity {
  /** safetensors, independent of the prompt: face_embedding [1,512], id_tokens and id_tokens_uncond [1,4,C], region_tokens [1,5,1,C]. */
  readonly identity: Uint8Array;
  /** safetensors: the rows null, text and augmented, [1,81,C] each. */
  readonly promptRows: Uint8Array;
}

export async function embedIdentity(models: EmbeddingModels, input: EmbedIdentityInput): Promise<EmbeddedIdentity> {
  const picture = toRgb(await decodePicture(input.reference));
  const regions = await Promise.all(input.regions.map(async ({ name, png }) => ({ name, image: toRgb(await decodePlain(png)) })));
  const face = input.face === null ? null : await embedFace(models, toRgb(await decodePlain(input.face)));

  const seen = await encodeReference(models, { picture, regions, face });
  const { rows } = await encodePrompt(models, { ...input, prompt: withoutMarkers(input.prompt), regions: regions.map(({ name }) => name), seen });
  return {
    identity: writeTensors({ face_embedding: seen.face, id_tokens: seen.idTokens, id_tokens_uncond: seen.idTokensUncond, region_tokens: seen.regionTokens }),
    promptRows: writeTensors({ ...rows }),
  };
}

/** float32 [1, 512], of length 1. */
export async function embedFace(models: EmbeddingModels, crop: Picture): Promise<FloatTensor> {
  const { session, scaling } = await models.recogniser();
  return float32([1, 512], await recogniseFace(session, crop, scaling, models.channelOrder));
}

/** What a reference looks like to the networks; nothing here depends on the prompt. */
export interface SeenReference {
  readonly face: FloatTensor; //               [1, 512]
  readonly clipPixels: FloatTensor; //         [1, 3, S, S]
  readonly regionPixels: FloatTensor; //       [5, 3, S, S], zeros for a region that is missing
  readonly regionTokens: FloatTensor; //       [1, 5, 1, C]
  readonly regionTokensUncond: FloatTensor; // [1, 5, 1, C]
  readonly idTokens: FloatTensor; //           [1, 4, C]
  readonly idTokensUncond: FloatTensor; //     [1, 4, C]
}

export interface ReferencePictures {
  readonly picture: Picture;
  /** In ascending class order, at most five. */
  readonly regions: readonly { readonly image: Picture }[];
  /** [1, 512]; null for a picture without a face. */
  readonly face: FloatTensor | null;
}

/**
 * Up to six runs of the image encoder. What the networks make of nothing (six of the reference's twelve runs, and both projections
 * of them) is a constant of the pack.
 */
export async function encodeReference(models: EmbeddingModels, { picture, regions, face: found }: ReferencePictures): Promise<SeenReference> {
  const face = found ?? float32([1, 512]);
  const whole = asTensor(clipPixels(picture, models.clipImage));
  const parts = regions.map(({ image }) => asTensor(clipPixels(image, models.clipImage)));
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
    idTokens: await projectIdentity(models, face, await clipFeatures(models, whole)),
    idTokensUncond: await models.once('identity(0, clip(0))', () => projectIdentity(models, float32([1, 512]), nothing)),
  };
}

/** Regions the facial encoder has room for. */
const FACIAL_SLOTS = 5;

export interface PromptInput {
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Regions in view, in class order. */
  readonly regions: readonly RegionName[];
  readonly seen: SeenReference;
}

const filled = (given: readonly FloatTensor[], rest: FloatTensor): FloatTensor[] =>
  Array.from({ length: FACIAL_SLOTS }, (_, i) => given[i] ?? rest);

/** 77 text tokens and 4 identity tokens per row. */
export interface PromptRows {
  /** Without prompt and person; the same in both phases. */
  readonly null: FloatTensor; //      [1, 81, C]
  /** First phase. */
  readonly text: FloatTensor; //      [1, 81, C]
  /** Second phase: the fine-grained features are fused into the marked tokens. */
  readonly augmented: FloatTensor; // [1, 81, C]
}

export interface EncodedPrompt {
  readonly marked: MarkedPrompt;
  readonly rows: PromptRows;
}

export async function encodePrompt(models: EmbeddingModels, { prompt, negativePrompt, regions, seen }: PromptInput): Promise<EncodedPrompt> {
  const tokenizer = await models.tokenizer();
  const marked = markPrompt({ prompt, variant: 'sd15', regions, tokenizer });
  const textIds = tokenizer.encodePadded(marked.promptTextOnly);

  const face = await textFeatures(models, marked.cleanIds); //                              [1, 77, C]
  const text = isSame(textIds, marked.cleanIds) ? face : await textFeatures(models, textIds); // differs only beyond 77 tokens
  const negative = await textFeatures(models, tokenizer.encodePadded(negativePrompt));

  return {
    marked,
    rows: {
      null: joinTokens(await fuseRegions(models, negative, seen.regionTokensUncond, marked), seen.idTokensUncond),
      text: joinTokens(text, seen.idTokens),
      augmented: joinTokens(await fuseRegions(models, face, seen.regionTokens, marked), seen.idTokens),
    },
  };
}

/** [1, 3, S, S] → every token before the last layer, [1, T, D]. */
async function clipFeatures(models: EmbeddingModels, pixels: FloatTensor): Promise<FloatTensor> {
  const { penultimate } = await (await models.imageEncoder()).run({ pixel_values: pixels });
  return float32(penultimate!.dims, floats(penultimate!, 'penultimate'));
}

/** [1, 512] and [1, T, D] → [1, 4, C]. */
async function projectIdentity(models: EmbeddingModels, face: FloatTensor, clip: FloatTensor): Promise<FloatTensor> {
  const { tokens } = await (await models.identityProjection()).run({ id_embeds: face, clip_embeds: clip });
  return float32(tokens!.dims, floats(tokens!, 'tokens'));
}

/** 77 ids → [1, 77, C]. */
async function textFeatures(models: EmbeddingModels, ids: readonly number[]): Promise<FloatTensor> {
  const { last_hidden_state } = await (await models.textEncoder()).run({ input_ids: int64([1, ids.length], ids) });
  return float32(last_hidden_state!.dims, floats(last_hidden_state!, 'last_hidden_state'));
}

/** [1, T, D] → [1, 1, C]. */
async function projectRegion(models: EmbeddingModels, features: FloatTensor): Promise<FloatTensor> {
  const { region_tokens } = await (await models.visualProjection()).run({ region_features: features });
  return float32(region_tokens!.dims, floats(region_tokens!, 'region_tokens'));
}

/** The j-th marked token takes in the j-th region. The unconditional row is changed at the same places as the conditional one. */
async function fuseRegions(models: EmbeddingModels, embeds: FloatTensor, regionTokens: FloatTensor, marked: MarkedPrompt): Promise<FloatTensor> {
  const { fused_embeds } = await (await models.fuse()).run({
    prompt_embeds: embeds,
    region_tokens: regionTokens,
    class_tokens_mask: bool([1, marked.mask.length], marked.mask),
    valid_id_mask: bool([1, FACIAL_SLOTS], marked.positionsMask.slice(0, FACIAL_SLOTS)),
  });
  return float32(fused_embeds!.dims, floats(fused_embeds!, 'fused_embeds'));
}

/** A marker in a prompt would claim a region of its own. */
const withoutMarkers = (prompt: string) => prompt.replaceAll(FACIAL_TOKEN, '').replaceAll(IMAGE_TOKEN, '');

const asTensor = ({ data, height, width }: ClipPixels) => float32([1, 3, height, width], data);
const asBatch = ({ dims, data }: FloatTensor) => float32([1, ...dims], data);
const isSame = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((id, i) => id === b[i]);
