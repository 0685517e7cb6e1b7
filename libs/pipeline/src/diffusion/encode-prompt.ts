/**
 * Prompt, negative prompt and identity → the three rows, with the regions fused into the marked tokens.
 *
 * Reference: JackAILab/ConsistentID e234008, `encode_prompt_with_trigger_word` and the first half of `__call__` of its SD1.5 and
 * SDXL pipelines; diffusers 0.31.0 `encode_prompt`.
 */
import { bool, float32, int64 } from '@likeness/inference';
import type { Correction, Corrections } from '../corrections.ts';
import { FACIAL_SLOTS, type Identity } from '../embedding/identity.ts';
import type { PromptModels } from '../model-set.ts';
import type { RegionName } from '../parsing/regions.ts';
import { joinChannels, joinTokens, outputOf, type FloatTensor } from '../safetensors.ts';
import { featureOf, markPrompt, type Feature, type MarkedPrompt } from './facial-markers.ts';
import type { PromptRow, PromptRows } from './prompt-rows.ts';

export interface PromptInput {
  readonly prompt: string;
  /** Null: none. */
  readonly negativePrompt: string | null;
  readonly identity: Identity;
  readonly corrections?: Corrections | undefined;
}

export interface EncodedPrompt {
  readonly marked: MarkedPrompt;
  readonly rows: PromptRows;
}

export async function encodePrompt(models: PromptModels, { identity, corrections = [], ...texts }: PromptInput): Promise<EncodedPrompt> {
  const isCorrected = (name: Correction) => corrections.includes(name);
  const encode = encoders[models.pack.manifest.pipeline];
  const { marked, text, face, negative } = await encode(models, { ...texts, regions: identity.regions, isCorrected });
  const regionTokens = isCorrected('pair_regions_by_name') ? inOrderOfMarks(identity, marked.features) : identity.regionTokens;
  const row = ({ tokens, pooled }: EncodedText, idTokens: FloatTensor): PromptRow => ({
    tokens: joinTokens(tokens, idTokens),
    ...(pooled && { pooled }),
  });
  const fused = async (encoded: EncodedText, regions: FloatTensor) => ({
    ...encoded,
    tokens: await fuseRegions(models, encoded.tokens, regions, marked),
  });
  return {
    marked,
    rows: {
      null: row(await fused(negative, identity.regionTokensUncond), identity.idTokensUncond),
      ...(isCorrected('plain_negative') && { nullPlain: row(negative, identity.idTokensUncond) }),
      text: row(text, identity.idTokens),
      augmented: row(await fused(face, regionTokens), identity.idTokens),
    },
  };
}

interface EncodedText {
  readonly tokens: FloatTensor; //  [1, 77, C]
  readonly pooled?: FloatTensor; // [1, P]
}

interface EncodedTexts {
  readonly marked: MarkedPrompt;
  /** What the first phase sees. */
  readonly text: EncodedText;
  /** What the regions are fused into. */
  readonly face: EncodedText;
  readonly negative: EncodedText;
}

type Asked = Omit<PromptInput, 'identity' | 'corrections'> & {
  readonly regions: readonly RegionName[];
  readonly isCorrected: (name: Correction) => boolean;
};

/** The two pipelines differ in their text encoders and in what the first phase sees. */
const encoders: Readonly<Record<'consistentid-sd15' | 'consistentid-sdxl', (models: PromptModels, asked: Asked) => Promise<EncodedTexts>>> =
  {
    'consistentid-sd15': encodeTextsSd15,
    'consistentid-sdxl': encodeTextsSdxl,
  };

/** One encoder, its last hidden state. The first phase sees prompt and sentence too, so the two texts differ only beyond 77 tokens. */
async function encodeTextsSd15(models: PromptModels, { prompt, negativePrompt, regions, isCorrected }: Asked): Promise<EncodedTexts> {
  const tokenizer = await models.tokenizer();
  const marked = markPrompt({ prompt, variant: 'sd15', regions, tokenizer, keepEnd: isCorrected('restore_end_token') });
  const encoder = await models.textEncoder();
  const encode = async (ids: readonly number[]) => ({
    tokens: outputOf(await encoder.run({ input_ids: asIds(ids) }), 'last_hidden_state'),
  });

  const face = await encode(marked.cleanIds);
  const textIds = tokenizer.encodePadded(isCorrected('bare_text_prompt') ? prompt : marked.promptTextOnly);
  const text = isSame(textIds, marked.cleanIds) ? face : await encode(textIds);
  return { marked, face, text, negative: await encode(tokenizer.encodePadded(negativePrompt ?? '')) };
}

/** Two encoders side by side, their states before the last layer, and the pooled text of the second. The first phase sees the bare prompt. */
async function encodeTextsSdxl(models: PromptModels, { prompt, negativePrompt, regions, isCorrected }: Asked): Promise<EncodedTexts> {
  const [tokenizer, tokenizer2] = [await models.tokenizer(), await models.tokenizer2()];
  const marked = markPrompt({
    prompt,
    variant: 'sdxl',
    regions,
    tokenizer,
    tokenizer2,
    keepEnd: isCorrected('restore_end_token'),
    stripSecond: isCorrected('strip_second_markers'),
  });
  const [encoder, encoder2] = [await models.textEncoder(), await models.textEncoder2()];
  const encode = async (ids: readonly number[], ids2: readonly number[]) => {
    const first = outputOf(await encoder.run({ input_ids: asIds(ids) }), 'penultimate');
    const second = await encoder2.run({ input_ids: asIds(ids2) });
    return { tokens: joinChannels(first, outputOf(second, 'penultimate')), pooled: outputOf(second, 'text_embeds') };
  };
  const plain = (text: string) => encode(tokenizer.encodePadded(text), tokenizer2.encodePadded(text));

  const face = await encode(marked.cleanIds, marked.cleanIds2!);
  const zeroed = negativePrompt === null && models.pack.manifest.force_zeros_for_empty_prompt;
  const negative = zeroed ? { tokens: float32(face.tokens.dims), pooled: float32(face.pooled.dims) } : await plain(negativePrompt ?? '');
  return { marked, face, text: await plain(prompt), negative };
}

/** The region tokens [1, 5, 1, C] once more, the j-th now that of the part which the j-th marker follows. */
function inOrderOfMarks({ regions, regionTokens: { dims, data } }: Identity, marks: readonly Feature[]): FloatTensor {
  const width = dims.at(-1)!;
  const order = marks.map((feature) => regions.findIndex((name) => featureOf(name) === feature));
  const rest = Array.from({ length: FACIAL_SLOTS }, (_, slot) => slot).filter((slot) => !order.includes(slot));
  const rows = [...order, ...rest].slice(0, FACIAL_SLOTS);
  return float32(
    dims,
    Float32Array.from(data, (_, i) => data[rows[Math.floor(i / width)]! * width + (i % width)]!),
  );
}

/**
 * The j-th marked token takes in the j-th region: [1, 77, C] → [1, 77, C]. The unconditional row is changed at the same places as the
 * conditional one.
 */
async function fuseRegions(
  models: PromptModels,
  embeds: FloatTensor,
  regionTokens: FloatTensor,
  marked: MarkedPrompt,
): Promise<FloatTensor> {
  const fused = await (
    await models.fuse()
  ).run({
    prompt_embeds: embeds,
    region_tokens: regionTokens,
    class_tokens_mask: bool([1, marked.mask.length], marked.mask),
    valid_id_mask: bool([1, FACIAL_SLOTS], marked.positionsMask.slice(0, FACIAL_SLOTS)),
  });
  return outputOf(fused, 'fused_embeds');
}

const asIds = (ids: readonly number[]) => int64([1, ids.length], ids);
const isSame = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((id, i) => id === b[i]);
