import { drawnFolder } from '@likeness/training/testing';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
let dir: string;

const recipe = {
  task: 'autoencoder',
  notes: 'for a test',
  seed: 1,
  steps: 90,
  batch: 4,
  optimiser: { learning_rate: 0.002, warmup: 5, clip_norm: 1, ema: { decay: 0.9, every: 4 } },
  checkpoint_every: 15,
  evaluate_every: 90,
  threads: 1,
  data: { folder: 'data', size: 32, held_out: 4 },
  model: {
    patch_size: 4,
    latent_channels: 4,
    block_out_channels: [8, 8],
    upsample_factors: [2, 2],
    layers_per_block: 1,
    norm_num_groups: 4,
  },
  output: 'vae/weights.safetensors',
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'train-'));
  await drawnFolder(join(dir, 'data'), 24);
  await writeFile(join(dir, 'recipe.json'), JSON.stringify(recipe));
});
afterAll(() => rm(dir, { recursive: true }));

/** A process takes its time to begin where others are busy. */
const patiently = { interval: 10, timeout: 60_000 };

const start = (...args: string[]) =>
  spawn(process.execPath, ['--conditions=source', main, 'train', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });

async function ended(child: ChildProcess) {
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
  return { stdout, stderr, code: code as number | null };
}

const out = (name: string) => join(dir, name);
const weights = async (name: string) => (await readFile(join(out(name), 'weights.safetensors'))).toString('base64');
const checkpoints = async (name: string) =>
  existsSync(join(out(name), 'checkpoints')) ? (await readdir(join(out(name), 'checkpoints'))).filter((place) => /^\d+$/.test(place)) : [];

describe('likeness train', () => {
  it('trains by a recipe, and names what it has written', async () => {
    const { stdout, stderr, code } = await ended(start(join(dir, 'recipe.json'), '--out', out('whole')));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${[join(out('whole'), 'weights.safetensors'), join(dir, 'vae/weights.safetensors'), join(out('whole'), 'curve.png')].join('\n')}\n`,
    });
    expect(stderr).toMatch(/pictures 24\/24\n[^]*step 90\/90 {2}loss \d.*mse.*psnr \d+\.\d+ {2}.* img\/s {2}0 s left\n$/);
  });

  it('comes to the same bits when it was killed and resumed, and when it was told to stop', async () => {
    const killed = start(join(dir, 'recipe.json'), '--out', out('killed'));
    const over = ended(killed);
    await expect.poll(() => checkpoints('killed'), patiently).not.toEqual([]);
    killed.kill('SIGKILL');
    await over;
    expect(existsSync(join(out('killed'), 'weights.safetensors'))).toBe(false);

    const stopped = start(join(dir, 'recipe.json'), '--out', out('killed'), '--resume');
    const first = (await checkpoints('killed')).at(-1);
    const end = ended(stopped);
    await expect.poll(async () => (await checkpoints('killed')).at(-1), patiently).not.toBe(first);
    stopped.kill('SIGTERM');
    const { stdout, code } = await end;
    const [last] = (await checkpoints('killed')).slice(-1);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `stopped after step ${Number(last)}; go on with: likeness train ${join(dir, 'recipe.json')} --out ${out('killed')} --resume\n`,
    });

    expect((await ended(start(join(dir, 'recipe.json'), '--out', out('killed'), '--resume'))).code).toBe(0);
    expect(await weights('killed')).toBe(await weights('whole'));
  }, 180_000);

  it.each<[string, object, string[], RegExp]>([
    [
      'a wrong number',
      { ...recipe, optimiser: { learning_rate: -1 } },
      [],
      /^error recipe_invalid: .*bad\.json: optimiser\.learning_rate: .*, got -1\.\n$/,
    ],
    ['an unknown field of its task', { ...recipe, model: { widths: [8] } }, [], /^error recipe_invalid: .*: model: .*widths/],
    [
      'an unknown task',
      { ...recipe, task: 'sculpture' },
      [],
      /^error recipe_invalid: .*: task: is none of attributes, autoencoder, .*, got "sculpture"\.\n$/,
    ],
    [
      'a checkpoint that is not there',
      { ...recipe, from: { vae: 'gone.safetensors' } },
      [],
      /^error recipe_invalid: .*: from\.vae: is not there, got ".*gone\.safetensors"\.\n$/,
    ],
    ['a folder without pictures', { ...recipe, data: { folder: 'vae' } }, [], /^error dataset_invalid: .*vae holds no pictures/],
    ['a folder with a run', recipe, ['--out', 'whole'], /^error run_exists: .*step 90: resume it/],
    [
      'a run of another recipe',
      { ...recipe, seed: 2 },
      ['--out', 'whole', '--resume'],
      /^error checkpoint_mismatch: .*: seed was 1, now it is 2\.\n$/,
    ],
  ])('refuses %s', async (_, content, [flag, name = 'refused', ...more], message) => {
    await writeFile(join(dir, 'bad.json'), JSON.stringify(content));
    const { stderr, code } = await ended(start(join(dir, 'bad.json'), flag ?? '--out', out(name), ...more));
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
