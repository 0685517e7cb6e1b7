import type { ConsistentIdPack } from '@likeness/models';
import type { Provenance } from '../image/encode.ts';
import type { SamplePortraitInput } from './sample-portrait.ts';

const SOFTWARE = 'Likeness';

/** What a portrait says about itself: that a machine made it, with which models, and how to make it again. No time: equal jobs give equal bytes. */
export function provenanceOf({ manifest, digest }: ConsistentIdPack, input: SamplePortraitInput, seed: number): Provenance {
  const {
    prompt,
    negativePrompt,
    steps,
    scheduler,
    guidanceScale,
    mergeStep,
    identityScale,
    width,
    height,
    noiseDevice = 'cpu',
    corrections = [],
  } = input;
  const parameters = {
    prompt,
    negative_prompt: negativePrompt,
    seed,
    steps,
    scheduler,
    guidance_scale: guidanceScale,
    merge_step: mergeStep,
    identity_scale: identityScale,
    width,
    height,
    ...(noiseDevice !== 'cpu' && { noise_device: noiseDevice }),
    ...(corrections.length > 0 && { corrections }),
    pack: manifest.name,
    pack_version: manifest.version,
    pack_digest: digest,
    pipeline: manifest.pipeline,
    trained: manifest.trained,
    ai_generated: true,
  };
  return { software: SOFTWARE, parameters: JSON.stringify(parameters) };
}
