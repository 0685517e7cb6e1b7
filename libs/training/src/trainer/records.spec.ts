import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { Checkpoints } from './checkpoints.ts';
import { plotPng } from './plot.ts';
import { Rate } from './rate.ts';
import { Table } from './table.ts';

const folder = mkdtempSync(join(tmpdir(), 'records-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a table', () => {
  const file = join(folder, 'table.csv');

  it('is written as it grows, and goes on after a step', () => {
    const first = new Table(file, 0);
    for (const step of [1, 2, 3]) first.add({ step, loss: step / 3 });
    first.flush();
    first.add({ step: 4, loss: 1 });
    expect(readFileSync(file, 'utf8')).toBe('step,loss\n1,0.3333333333333333\n2,0.6666666666666666\n3,1\n');
    const second = new Table(file, 2);
    expect(second.rows).toEqual([
      { step: 1, loss: 1 / 3 },
      { step: 2, loss: 2 / 3 },
    ]);
    second.add({ step: 3, loss: 0.5, unknown: 7 });
    second.flush();
    expect(readFileSync(file, 'utf8').split('\n').slice(-3)).toEqual(['2,0.6666666666666666', '3,0.5', '']);
  });

  it('begins anew after no step', () => {
    expect(new Table(file, 0).rows).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe('');
  });

  it('goes on after a step at which it had no row yet', () => {
    new Table(file, 0).flush();
    const table = new Table(file, 5);
    table.add({ step: 6, loss: 0.5 });
    table.flush();
    expect(readFileSync(file, 'utf8')).toBe('step,loss\n6,0.5\n');
  });
});

describe('a plot', () => {
  const points = Array.from({ length: 5000 }, (_, i) => [i + 1, Math.exp(-i / 1000) + (i % 7) / 50] as const);

  it('has a panel for each series with numbers', async () => {
    const png = await plotPng('<title> & more', [
      { name: 'loss', points },
      { name: 'held out', points: [[100, 0.5]] },
      { name: 'absent', points: [[1, NaN]] },
    ]);
    const { width, height, format } = await sharp(png).metadata();
    expect({ width, height, format }).toEqual({ width: 960, height: 40 + 2 * 240, format: 'png' });
    const [left, panelWidth] = [80, 850];
    const panel = sharp(png).extract({ left, top: 74, width: panelWidth, height: 172 }).removeAlpha();
    const data = await panel.raw().toBuffer();
    const isLine = (pixel: number) => data[3 * pixel]! < 60 && data[3 * pixel + 2]! > 140;
    for (let x = 0; x < panelWidth; x++) expect(Array.from({ length: 172 }, (_, y) => isLine(y * panelWidth + x))).toContain(true);
  });
});

describe('a rate', () => {
  it('is that of the last steps', () => {
    const rate = new Rate(8);
    for (let i = 0; i < 60; i++) rate.add(i < 10 ? 9000 : 500, 50);
    expect(rate.perSecond).toBe(16);
    expect(rate.waiting).toBe(0.1);
    expect(rate.remaining(100)).toBe(50);
  });
});

describe('checkpoints', () => {
  const place = join(folder, 'checkpoints');
  const tensors = (value: number) => new Map([['w', { shape: [2], values: Float32Array.of(value, -value) }]]);
  const recipe = { steps: 10, optimiser: { betas: [0.9, 0.99], clip: undefined } };

  it('are the last two, and give back what was saved', () => {
    const checkpoints = new Checkpoints(place, recipe);
    expect(checkpoints.restore(tensors(0))).toBe(0);
    for (const step of [2, 4, 6]) checkpoints.save(step, tensors(step));
    expect(checkpoints.steps()).toEqual([4, 6]);
    const restored = tensors(0);
    expect(new Checkpoints(place, recipe).restore(restored)).toBe(6);
    expect(restored).toEqual(tensors(6));
  });

  it('that were not finished do not count', () => {
    mkdirSync(join(place, '00000008.partial'));
    writeFileSync(join(place, '00000008.partial', 'state.safetensors'), 'half');
    expect(new Checkpoints(place, recipe).restore(tensors(0))).toBe(6);
    new Checkpoints(place, recipe).save(8, tensors(8));
    expect(readdirSync(place)).toEqual(['00000006', '00000008']);
  });

  it.each<[string, unknown, Map<string, { shape: number[]; values: Float32Array }>, RegExp]>([
    [
      'another recipe',
      { ...recipe, optimiser: { betas: [0.9, 0.999] } },
      tensors(0),
      /optimiser\.betas was \[0\.9,0\.99\], now it is \[0\.9,0\.999\]/,
    ],
    ['a recipe with more', { ...recipe, seed: 1 }, tensors(0), /seed was absent, now it is 1/],
    ['a model with another tensor', recipe, new Map([['v', tensors(0).get('w')!]]), /another model: "w"/],
    [
      'a model of another width',
      recipe,
      new Map([['w', { shape: [3], values: new Float32Array(3) }]]),
      /"w" is \[2\], the graph needs \[3\]/,
    ],
  ])('are not taken for %s', (_, other, wanted, message) => {
    expect(() => new Checkpoints(place, other).restore(wanted)).toThrow(message);
  });
});
