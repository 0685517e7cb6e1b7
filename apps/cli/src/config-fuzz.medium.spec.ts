import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeightError } from '@likeness/graph';
import { addPack, loadPack, ModelError, PackError, PackNetworks, type ConsistentIdPack, type PackParts } from '@likeness/models';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeModelSet } from './testing/model-set.ts';
import { tinyWeights } from './testing/tiny-weights.ts';

let dir: string;
let paths: PackParts;
let pack: ConsistentIdPack;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'config-fuzz-'));
  paths = await writeModelSet(join(dir, 'set'), tinyWeights());
  await addPack(join(dir, 'packs'), { name: 'tiny' }, paths);
  pack = (await loadPack('tiny', [join(dir, 'packs')])) as ConsistentIdPack;
});
afterAll(() => rm(dir, { recursive: true }));

const networks: Record<string, (n: PackNetworks) => Promise<unknown>> = {
  unet: (n) => n.unet(8, 8),
  vae: (n) => n.decoder(8, 8),
  text_encoder: (n) => n.textEncoder(),
  image_encoder: (n) => n.imageEncoder(),
};

/** What a field may say that it should not. */
const wrong = fc.oneof(
  fc.constantFrom(0, -1, 1, 2, 3, 0.5, 1e9, 2 ** 31, Number.MAX_SAFE_INTEGER, 1e300, null, true, '', '64', [], {}, [0], [-1, 1e9]),
  fc.array(fc.integer({ min: -2, max: 70 }), { maxLength: 5 }),
  fc.array(fc.constantFrom('DownBlock2D', 'CrossAttnDownBlock2D', 'UpBlock2D', 'CrossAttnUpBlock2D', 'DownEncoderBlock2D'), {
    maxLength: 5,
  }),
  fc.jsonValue({ maxDepth: 2 }),
);

describe('a configuration with wrong fields', () => {
  it.each(Object.keys(networks))('of the %s is refused by name, or fits', async (name) => {
    const file = name === 'image_encoder' ? join(paths.imageEncoder, 'config.json') : join(paths.base, name, 'config.json');
    const text = await readFile(file, 'utf8');
    const config = JSON.parse(text) as Record<string, unknown>;
    const counts = { refused: 0, fits: 0 };
    const fields = [...Object.keys(config), 'norm_num_groups', 'image_size', 'num_channels', 'in_channels', 'latent_channels', '__proto__'];
    try {
      const property = fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...fields), wrong), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          await writeFile(file, JSON.stringify({ ...config, ...Object.fromEntries(changes) }));
          const begun = performance.now();
          try {
            await networks[name]!(new PackNetworks(pack, { checkOnly: true }));
            counts.fits += 1;
          } catch (error) {
            if (!(error instanceof ModelError || error instanceof PackError || error instanceof WeightError)) throw error;
            counts.refused += 1;
          }
          expect(performance.now() - begun).toBeLessThan(2000);
        },
      );
      await fc.assert(property, { seed: 5, numRuns: 120 });
    } finally {
      await writeFile(file, text);
    }
    expect(counts.refused).toBeGreaterThan(40);
  });
});
