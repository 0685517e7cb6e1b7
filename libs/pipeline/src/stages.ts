/** The three stages of a pack, ready to run: which functions its pipeline stands for, over models that are loaded when first needed. */
import { chooseProvider, type Device } from '@likeness/inference';
import { loadPack, type Pack } from '@likeness/models';
import { previewPicture } from './diffusion/preview.ts';
import { samplePortrait, type SampledPortraits, type SampleHooks, type SamplePortraitInput } from './diffusion/sample-portrait.ts';
import { embedIdentity, type EmbeddedIdentity, type EmbedIdentityInput } from './embedding/embed-identity.ts';
import { compareFaces, identitySimilarity } from './embedding/identity-similarity.ts';
import type { Picture } from './image/picture.ts';
import { ModelSet, type Precision } from './model-set.ts';
import { noopStages } from './noop.ts';
import { parseFace, type ParsedFace, type ParseFaceInput } from './parsing/parse-face.ts';
import type { FloatTensor } from './safetensors.ts';

export type StageName = 'parse' | 'embed' | 'sample';

export interface Stages {
  readonly pack: Pack;
  parseFace(input: ParseFaceInput): Promise<ParsedFace>;
  embedIdentity(input: EmbedIdentityInput): Promise<EmbeddedIdentity>;
  samplePortrait(input: SamplePortraitInput, hooks?: SampleHooks): Promise<SampledPortraits>;
  /** A small picture of what a sampling has come to; see `previewPicture`. */
  preview(latents: FloatTensor): Promise<Picture>;
  /** Cosine between the face of an identity and that of a picture; null where the pack is not trained or the picture shows no face. */
  identitySimilarity(identity: Uint8Array, image: Uint8Array): Promise<number | null>;
  /** The same for the faces of two pictures. */
  compareFaces(one: Uint8Array, other: Uint8Array): Promise<number | null>;
  /** Loads what a stage needs at the pack's default size, so that its first job does not wait. */
  warmUp(stage: StageName): Promise<void>;
  /** Gives the models' memory back. */
  release(): Promise<void>;
}

export interface StageOptions {
  /** Folders with packs; default: those of the repository. */
  readonly packDirs?: readonly string[] | undefined;
  /** Where models run; `auto` takes the best that works here. Default: the CPU. */
  readonly device?: Device | undefined;
  readonly threads?: number | undefined;
  /** Of the UNet; see `ModelSetOptions`. */
  readonly precision?: Precision | undefined;
  /** Where weights that had to be converted are kept; without it they are held in memory. */
  readonly weightsFolder?: string | undefined;
}

/** @throws PackError `model_unavailable` when there is no such pack */
export async function openStages(name: string, options: StageOptions = {}): Promise<Stages> {
  const pack = await loadPack(name, options.packDirs);
  const { manifest } = pack;
  if (manifest.pipeline === 'noop') return noopStages(pack);
  const { provider } = await chooseProvider(options.device ?? 'cpu');
  return stagesOf(new ModelSet({ ...pack, manifest }, { ...options, provider }));
}

/** The stages over models that somebody else uses too. */
export function stagesOf(models: ModelSet): Stages {
  return {
    pack: models.pack,
    parseFace: (input) => parseFace(models, input),
    embedIdentity: (input) => embedIdentity(models, input),
    samplePortrait: (input, hooks) => samplePortrait(models, input, hooks),
    preview: async (latents) => previewPicture(latents, await models.latentColours()),
    identitySimilarity: (identity, image) => identitySimilarity(models, identity, image),
    compareFaces: (one, other) => compareFaces(models, one, other),
    warmUp: (stage) => models.warmUp(stage),
    release: () => models.release(),
  };
}
