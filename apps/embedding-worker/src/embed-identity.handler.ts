import type { RegionName } from '@likeness/pipeline';
import type { StageHandler } from '@likeness/worker';

/** Adapter between the queue and the pure function: the picture, its face and its regions go in; the identity comes out. */
export const embedIdentity: StageHandler = async ({ load, loadAll, keep, infer }) => {
  const [reference, face, regions] = await Promise.all([load('reference'), load('face'), loadAll('regions')]);
  const { identity } = await infer('embedIdentity', {
    reference: reference.bytes,
    face: face.bytes,
    regions: regions.map(({ bytes, detail }) => ({ name: detail['region'] as RegionName, png: bytes })),
  });
  await keep('identity', { bytes: identity, contentType: 'application/octet-stream' }); // safetensors
};
