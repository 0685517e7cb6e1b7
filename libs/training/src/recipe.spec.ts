import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRecipe } from './recipe.ts';

const folder = mkdtempSync(join(tmpdir(), 'recipe-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(content: unknown): string {
  const file = join(folder, 'recipe.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const least = { task: 'autoencoder', steps: 10, batch: 2, optimiser: { learning_rate: 0.001 }, data: { folder: 'people' } };

describe('a recipe', () => {
  it('is filled in where it leaves something open', () => {
    const { recipe, data, model } = readRecipe(fileOf(least));
    expect(recipe).toMatchObject({
      seed: 0,
      checkpoint_every: 500,
      optimiser: { learning_rate: 0.001, warmup: 0, schedule: 'cosine', betas: [0.9, 0.999], weight_decay: 0.01 },
    });
    expect(data).toEqual({ folder: 'people', size: 128, held_out: 200 });
    expect(model).toMatchObject({ latent_channels: 8, patch_size: 8 });
  });

  it.each<[string, unknown, Record<string, unknown>]>([
    ['without steps', { ...least, steps: undefined }, { path: 'steps', value: undefined }],
    ['with a beta of one', { ...least, optimiser: { learning_rate: 1, betas: [0.9, 1] } }, { path: 'optimiser.betas.1', value: 1 }],
    ['with an unknown field', { ...least, epochs: 3 }, { path: '', value: expect.objectContaining({ epochs: 3 }) }],
    ['whose data lack a folder', { ...least, data: {} }, { path: 'data.folder', value: undefined }],
    ['whose model is of no width', { ...least, model: { block_out_channels: [] } }, { path: 'model.block_out_channels', value: [] }],
    ['of another task', { ...least, task: 'toString' }, { path: 'task', value: 'toString' }],
    ['that is no JSON', '{', { path: '', value: undefined }],
  ])('is refused %s', (_, content, detail) => {
    const file = fileOf(content);
    expect(() => readRecipe(file)).toThrow(
      expect.objectContaining({ code: 'recipe_invalid', detail: { file, ...detail }, message: expect.stringContaining(file) }),
    );
  });
});
