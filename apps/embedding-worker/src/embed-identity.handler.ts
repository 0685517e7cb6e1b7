import type { RegionName } from '@likeness/pipeline';
import type { StageHandler } from '@likeness/worker';

/** Adapter between the queue and the pure function: the picture, its face and its regions go in; the identity comes out. */
export const embedIdentity: StageHandler = async ({ stage, load, loadAll, keep, infer }) => {
  const [reference, face, regions] = await Promise.all([load('reference'), load('face'), loadAll('regions')]);
  const { identity } = await infer('embedIdentity', {
    reference: reference.bytes,
    face: face.detail['found'] === false ? null : face.bytes,
    regions: regions.map(({ bytes, detail }) => ({ name: detail['region'] as RegionName, png: bytes })),
    corrections: stage.input.corrections,
  });
  await keep('identity', { bytes: identity, contentType: 'application/octet-stream' }); // safetensors
};
