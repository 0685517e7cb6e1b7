/** A person, a prompt and a condition → the portrait, by the three stages that the workers run. */
import { createHash } from 'node:crypto';
import { resolveOptions, type GenerationOptions, type IdentitySource, type Stages } from '@likeness/pipeline';
import type { Condition } from './conditions.ts';
import type { PictureStore, StoredPicture } from './picture-store.ts';
import { promptText, type Prompt } from './prompts.ts';
import { noiseSeed, type Subject } from './subjects.ts';

export interface MakerOptions {
  readonly stages: Stages;
  /** See `contentsOf`. */
  readonly contents: string;
  /** Where and how the models run: what else decides the pixels. */
  readonly runtime: { readonly provider: string; readonly precision: string };
  readonly store: PictureStore;
  readonly seed: number;
  /** All else is as the pack has it by default. */
  readonly steps: number;
}

export class PortraitMaker {
  readonly #options: MakerOptions;
  /** The identity that was asked for last: a person's prompts come one after another. */
  #identity: { readonly key: string; readonly file: Promise<Uint8Array> } | undefined;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  /** @throws PipelineError `no_face_detected` for a reference that the service would refuse */
  async make(subject: Subject, prompt: Prompt, condition: Condition): Promise<StoredPicture> {
    const { stages, contents, runtime, store } = this.#options;
    const options = this.optionsOf(subject, prompt, condition);
    const { sources } = condition;
    const reference = createHash('sha256').update(subject.reference).digest('hex');
    return store.get({ contents, runtime, reference, sources, ...options }, async () => {
      const identity = await this.#identityOf(subject, options, sources);
      const { images } = await stages.samplePortrait({ ...options, identity });
      return images[0]!.bytes;
    });
  }

  optionsOf(subject: Subject, { id }: Prompt, { request }: Condition): GenerationOptions {
    const { stages, seed, steps } = this.#options;
    return resolveOptions(stages.pack, {
      steps,
      ...request,
      prompt: promptText(id, subject.identity),
      seed: noiseSeed(subject, id, seed),
      numImages: 1,
      format: 'png',
    });
  }

  #identityOf(subject: Subject, { facialRegions }: GenerationOptions, sources?: readonly IdentitySource[]): Promise<Uint8Array> {
    const key = JSON.stringify([subject.index, facialRegions, sources]);
    if (this.#identity?.key !== key) this.#identity = { key, file: this.#embed(subject, facialRegions, sources) };
    return this.#identity.file;
  }

  async #embed(
    { reference }: Subject,
    facialRegions: GenerationOptions['facialRegions'],
    sources?: readonly IdentitySource[],
  ): Promise<Uint8Array> {
    const { stages } = this.#options;
    const { face, hasFace, regions } = await stages.parseFace({ reference, facialRegions });
    return (await stages.embedIdentity({ reference, face: hasFace ? face : null, regions, sources })).identity;
  }
}
