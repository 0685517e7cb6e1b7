import type { RegionName } from '@likeness/pipeline';
import type { StageHandler } from '@likeness/worker';

/** Adapter between the queue and the pure function: face, regions and prompt go in; the identity and the prompt's rows come out. */
export const embedIdentity: StageHandler = async ({ stage, load, loadAll, keep, infer }) => {
  const [reference, face, regions] = await Promise.all([load('reference'), load('face'), loadAll('regions')]);
  const { identity, promptRows } = await infer('embedIdentity', {
    reference: reference.bytes,
    face: face.bytes,
    regions: regions.map(({ bytes, detail }) => ({ name: detail['region'] as RegionName, png: bytes })),
    prompt: stage.input.prompt,
    negativePrompt: stage.input.negative_prompt,
  });
  await keep('identity', { bytes: identity, contentType: 'application/octet-stream' }); // safetensors
  await keep('prompt-rows', { bytes: promptRows, contentType: 'application/octet-stream' }); // safetensors
};
