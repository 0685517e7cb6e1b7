import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from '@likeness/inference';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ParityCase } from './case.ts';
import { compareOutputs } from './compare.ts';
import { runParity } from './run-parity.ts';
import type { Json, Value } from './value.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'parity-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const vector = (...values: number[]): Tensor => ({ dtype: 'float32', dims: [values.length], data: Float32Array.from(values) });

/** Compares one output of a case written for it. */
async function verdict(expected: object, tolerance: object, outputs: Record<string, Value>, config: object = {}) {
  writeFileSync(join(folder, 'case.json'), JSON.stringify({ name: 'made up', kind: 'none', config, expected, tolerance }));
  const [only] = await compareOutputs(await ParityCase.load(folder), outputs);
  return only;
}

const judged = (value: Json, tolerance: object, actual: Value) => verdict({ out: { value } }, { out: tolerance }, { out: actual });

describe('tolerances', () => {
  it.each<[string, Json, object, Value, number, boolean]>([
    ['rel divides by the largest expected', [1, -10], { rel: 0.05 }, vector(1.25, -10), 0.025, true],
    ['rel that is not met', [1, -10], { rel: 0.02 }, vector(1.25, -10), 0.025, false],
    ['abs', [1, 2], { abs: 0.5 }, vector(1.5, 2), 0.5, true],
    ['abs that is not met', [1, 2], { abs: 0.5 }, vector(1.75, 2), 0.75, false],
    ['exact numbers', [1, 2], { exact: true }, vector(1, 2), 0, true],
    ['exact numbers that differ', [1, 2], { exact: true }, vector(1, 3), 1, false],
    ['agreement', [1, 2, 3, 4], { agree: 0.75 }, vector(1, 2, 3, 9), 0.25, true],
    ['agreement that is not met', [1, 2, 3, 4], { agree: 0.8 }, vector(1, 2, 3, 9), 0.25, false],
    ['one number for an array of one', 4, { rel: 0 }, vector(4), 0, true],
    ['nested lists', [[1, 2]], { exact: true }, { dtype: 'int32', dims: [1, 2], data: Int32Array.of(1, 2) }, 0, true],
    ['lists of unequal length', [[1, 2], [3]], { exact: true }, [[1, 2], [3]], 0, true],
    ['text', ['a', 'b'], { exact: true }, ['a', 'b'], 0, true],
    ['text that differs', ['a', 'b'], { exact: true }, ['a', 'c'], 1, false],
    ['truth against numbers', [true, false], { exact: true }, { dtype: 'bool', dims: [2], data: Uint8Array.of(1, 0) }, 0, true],
    ['another shape', [[1, 2]], { abs: 9 }, vector(1, 2), Infinity, false],
    ['not a number', [1], { abs: 9 }, vector(NaN), Infinity, false],
    ['an empty array', [], { rel: 0 }, vector(), 0, true],
  ])('%s', async (_, value, tolerance, actual, error, passes) => {
    const result = await judged(value, tolerance, actual);
    expect(result).toMatchObject({ error: expect.closeTo(error, 12) as number });
    expect(result?.reason === undefined).toBe(passes);
  });

  it('compares pictures by pixel, grey apart from colour', async () => {
    const data = Uint8Array.of(0, 128, 255, 7);
    await sharp(data, { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(join(folder, 'grey.png'));
    const grey = { width: 2, height: 2, channels: 1, data } as const;
    expect(await verdict({ out: { file: 'grey.png' } }, { out: { exact: true } }, { out: grey })).toEqual({
      output: 'out',
      error: 0,
      allowed: 0,
    });
    const colour = { width: 2, height: 2, channels: 3, data: new Uint8Array(12) } as const;
    expect(await verdict({ out: { file: 'grey.png' } }, { out: { exact: true } }, { out: colour })).toMatchObject({
      reason: expect.stringContaining('shape') as string,
    });
  });

  it('derives means, deviations and samples from the whole', async () => {
    const whole: Tensor = { dtype: 'float32', dims: [1, 1, 3, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8) };
    const of = (name: string, value: Json, config = {}) => verdict({ [name]: { value } }, { [name]: { rel: 1e-12 } }, { whole }, config);
    expect(await of('whole.mean', 4)).not.toHaveProperty('reason');
    expect(await of('whole.std', Math.sqrt(60 / 9))).not.toHaveProperty('reason');
    expect(await of('whole_sampled', [[[[0, 2], [6, 8]]]], { sample_stride: 2 })).not.toHaveProperty('reason'); // prettier-ignore
    const strided = await verdict({ whole: { value: [[[[0, 2]]]], strides: [1, 1, 3, 2] } }, { whole: { exact: true } }, { whole });
    expect(strided).not.toHaveProperty('reason');
  });

  it('asks for every output but intermediate ones', async () => {
    const tolerance = { exact: true };
    expect(await verdict({ out: { value: 1 } }, { out: tolerance }, {})).toMatchObject({ reason: 'was not computed' });
    expect(await verdict({ 'intermediate.a': { value: 1 } }, { 'intermediate.a': tolerance }, {})).toBeUndefined();
  });
});

describe('parity', () => {
  const write = (name: string, file: object) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'case.json'), JSON.stringify(file));
  };
  const run = async (...paths: string[]) => {
    const lines: string[] = [];
    const code = await runParity(
      paths.map((path) => join(folder, path)),
      (line) => lines.push(line),
    );
    return { code, lines };
  };
  const hostile = (name: string, result: string) => ({
    name, kind: 'checkpoint-hostile', inputs: { file: { file: 'case.json' } }, expected: { result: { value: result } }, tolerance: { result: { exact: true } },
  }); // prettier-ignore

  it('prints a line per case and a count, and fails when one does', async () => {
    write('a/good', hostile('good', 'refused'));
    write('b', hostile('bad', 'accepted'));
    write('c', { ...hostile('new', 'refused'), kind: 'of tomorrow' });
    const { code, lines } = await run('.');
    expect(code).toBe(1);
    expect(lines[0]).toMatch(/^pass good checkpoint-hostile 0 0 - \d+\.\d\d$/);
    expect(lines[1]).toMatch(/^fail bad checkpoint-hostile 1\.00e\+0 0 - /);
    expect(lines.slice(2, 5)).toEqual([
      '     result expected "accepted", got "refused"',
      expect.stringMatching(/^fail new of tomorrow - - - /),
      '     Unknown kind "of tomorrow".',
    ]);
    expect(lines.at(-1)).toBe('1 passed, 2 failed');
    expect(await run('a')).toMatchObject({ code: 0 });
  });

  it('fails when there is no case at all', async () => {
    mkdirSync(join(folder, 'empty'));
    expect(await run('empty')).toEqual({ code: 1, lines: ['0 passed, 0 failed'] });
  });
});
