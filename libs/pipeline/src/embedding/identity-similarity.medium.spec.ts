import { readFile } from 'node:fs/promises';
import { loadPack, type ConsistentIdPack } from '@likeness/models';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelSet } from '../model-set.ts';
import { parseFace } from '../parsing/parse-face.ts';
import { embedIdentity } from './embed-identity.ts';
import { compareFaces, identitySimilarity } from './identity-similarity.ts';

let untrained: ModelSet;
let trained: ModelSet;
let reference: Uint8Array;
let identity: Uint8Array;
beforeAll(async () => {
  const pack = (await loadPack('sketch')) as ConsistentIdPack;
  untrained = new ModelSet(pack, { threads: 1 });
  trained = new ModelSet({ ...pack, manifest: { ...pack.manifest, trained: true } }, { threads: 1 });
  reference = await readFile(new URL('../../../../samples/portrait.jpg', import.meta.url));
  const { face } = await parseFace(trained, { reference, facialRegions: [] });
  ({ identity } = await embedIdentity(trained, { reference, face, regions: [] }));
});
afterAll(() => Promise.all([untrained.release(), trained.release()]));

describe('identitySimilarity', () => {
  it('is 1 for the reference itself and less for another picture', async () => {
    const same = await identitySimilarity(trained, identity, reference);
    const other = await identitySimilarity(trained, identity, await sharp(reference).flip().negate().png().toBuffer());
    expect(same).toBeCloseTo(1, 4);
    expect(other!).toBeLessThan(0.99);
    expect(other!).toBeGreaterThanOrEqual(-1);
  });

  it('is not given for a pack that was never trained, nor without a reference face', async () => {
    expect(await identitySimilarity(untrained, identity, reference)).toBeNull();
    const faceless = await embedIdentity(trained, { reference, face: null, regions: [] });
    expect(await identitySimilarity(trained, faceless.identity, reference)).toBeNull();
  });
});

describe('compareFaces', () => {
  it('says of two pictures what identitySimilarity says of an identity and a picture', async () => {
    const other = await sharp(reference).flip().negate().png().toBuffer();
    expect(await compareFaces(trained, reference, other)).toBe(await identitySimilarity(trained, identity, other));
    expect(await compareFaces(trained, reference, reference)).toBeCloseTo(1, 4);
    expect(await compareFaces(untrained, reference, reference)).toBeNull();
  });
});
