import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { float32 } from '@likeness/inference';
import { bundledPacks, loadPack } from '@likeness/models';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serviceError } from './errors.ts';
import { writeTensors } from './safetensors.ts';
import { verifyPack } from './verify-pack.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'verify-'));
  await cp(join(bundledPacks, 'sketch'), join(dir, 'sketch'), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true }));

async function change(entries: object): Promise<void> {
  const file = join(dir, 'sketch/pack.json');
  await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), ...entries }));
}

async function verify() {
  const networks: string[] = [];
  for await (const { network } of verifyPack(await loadPack('sketch', [dir]), { weightsFolder: join(dir, 'weights') }))
    networks.push(network);
  return networks;
}

const failure = () =>
  verify().then(
    () => undefined,
    (error: unknown) => serviceError(error),
  );

describe('verifyPack', () => {
  it('builds every network, and keeps large converted weights in their folder', async () => {
    expect(await verify()).toEqual([
      'parser',
      'recognizer',
      'image_encoder',
      'text_encoder',
      'identity_projection',
      'visual_projection',
      'fuse',
      'unet',
      'vae_decoder',
    ]);
    expect((await readdir(join(dir, 'weights'))).filter((name) => name.endsWith('.weights')).length).toBeGreaterThan(0);
  });

  it('names the file that is no checkpoint', async () => {
    await writeFile(join(dir, 'sketch/parser.pth'), '<html>not found</html>');
    await change({ parser: { file: 'parser.pth' } });
    expect(await failure()).toMatchObject({ code: 'model_unavailable' });
    expect((await failure())?.message).toContain(join(dir, 'sketch/parser.pth'));
  });

  it('names the key that a checkpoint lacks', async () => {
    const { data } = float32([2]);
    await writeFile(join(dir, 'sketch/adapter.safetensors'), writeTensors({ 'image_proj.norm.weight': float32([2], data) }));
    await change({ consistentid: { file: 'adapter.safetensors' } });
    expect(await failure()).toMatchObject({ code: 'model_unavailable' });
    expect((await failure())?.message).toMatch(/adapter\.safetensors.*"perceiver_resampler\.proj_in\.weight"/);
  });

  it('names the field of a configuration that does not fit', async () => {
    await change({ vae: { config: { block_out_channels: 'many' }, weights: { hash: 1 } } });
    expect(await failure()).toMatchObject({ code: 'model_unavailable' });
    expect((await failure())?.message).toContain('block_out_channels');
  });

  it('names the folder that has no weights', async () => {
    await cp(join(bundledPacks, 'sketch'), join(dir, 'sketch/unet'), { recursive: true });
    await writeFile(join(dir, 'sketch/unet/config.json'), '{}');
    await change({ unet: { folder: 'unet', variant: 'fp16' } });
    expect(await failure()).toMatchObject({ code: 'model_unavailable' });
    expect((await failure())?.message).toMatch(/sketch\/unet has no weights of the variant fp16/);
  });
});
