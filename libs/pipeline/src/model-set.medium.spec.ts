import { float32 } from '@likeness/inference';
import { loadPack, type ConsistentIdPack } from '@likeness/models';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelSet } from './model-set.ts';

let models: ModelSet;
beforeEach(async () => void (models = new ModelSet((await loadPack('sketch')) as ConsistentIdPack, { threads: 1 })));
afterEach(() => models.release());

describe('sizes', () => {
  it('stay loaded while their areas together are no more than a picture of 1024 × 1024', async () => {
    const small = await models.denoiser(32, 32);
    const large = await models.denoiser(96, 128);
    expect(await models.denoiser(32, 32)).toBe(small);
    await models.denoiser(64, 64); // now 32 × 32, 96 × 128 and 64 × 64 are too many: the one used longest ago goes
    expect(await models.denoiser(32, 32)).toBe(small);
    expect(await models.denoiser(96, 128)).not.toBe(large);
  });

  it('release the memory of the session that goes, and keep one that is larger than all that may be kept', async () => {
    const small = await models.decoder(32, 32);
    const latents = float32([1, 4, 32, 32]);
    await small.run({ latents });
    const huge = await models.decoder(128, 136);
    await expect(small.run({ latents })).rejects.toMatchObject({ code: 'inference_failed' });
    expect(await models.decoder(128, 136)).toBe(huge);
  });

  it('may be any multiple of 8 pixels, also where the halves are odd', async () => {
    const predict = await models.unet(33, 37);
    const tokens = { dtype: 'float32' as const, dims: [2, 81, 64], data: new Float32Array(2 * 81 * 64).fill(0.1) };
    const latents = new Float32Array(4 * 33 * 37).fill(0.5);
    const predicted = await predict(latents, 500, { tokens }, 1);
    expect(predicted).toHaveLength(2 * latents.length);
    expect(predicted.every(Number.isFinite)).toBe(true);
    // Equal rows are predicted alike.
    expect([...predicted.subarray(0, 50)]).toEqual([...predicted.subarray(latents.length, latents.length + 50)]);
  });
});
