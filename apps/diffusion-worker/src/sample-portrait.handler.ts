import { mergeStepOf } from '@likeness/pipeline';
import type { StageHandler } from '@likeness/worker';

/** Adapter between the queue and the pure function: identity and prompt go in, portraits come out. */
export const samplePortrait: StageHandler = async ({ stage: { input }, load, saved, keep, infer, log }) => {
  const resume = (await saved()) ?? undefined;
  const { images, resumedAt } = await infer('samplePortrait', {
    identity: (await load('identity')).bytes,
    resume,
    width: input.width,
    height: input.height,
    steps: input.steps,
    scheduler: input.scheduler,
    guidanceScale: input.guidance_scale,
    mergeStep: mergeStepOf(input.merge_step, input.steps),
    identityScale: input.identity_scale,
    seed: input.seed,
    noiseDevice: input.noise_device,
    corrections: input.corrections,
    numImages: input.num_images,
    format: input.format,
    prompt: input.prompt,
    negativePrompt: input.negative_prompt,
  });
  if (resume && resumedAt > 0) log.info({ resumedAt }, 'went on from where an earlier attempt had stopped');
  else if (resume) log.warn('what an earlier attempt had saved is of another job or damaged: sampled anew');
  const portraits = images.map(({ bytes, contentType, width, height, seed }) => ({ bytes, contentType, detail: { width, height, seed } }));
  await keep('images', portraits);
};
