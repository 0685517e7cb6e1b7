import { openCheckpoint } from '@likeness/graph';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followingTask, tinyTask } from '../testing/tiny-task.ts';
import { train, type TrainingOptions, type TrainingProgress } from './train.ts';

const folder = mkdtempSync(join(tmpdir(), 'train-'));
afterAll(() => rmSync(folder, { recursive: true }));

const settings = {
  steps: 60,
  seed: 3,
  batch: 8,
  learningRate: 0.02,
  warmup: 5,
  clipNorm: 1,
  ema: { decay: 0.9, every: 4 },
  checkpointEvery: 20,
  evaluateEvery: 30,
  threads: 1,
} satisfies Omit<TrainingOptions, 'directory'>;

const bytes = (directory: string) => readFileSync(join(directory, 'weights.safetensors')).toString('base64');
const checkpointsOf = (directory: string) => readdirSync(join(directory, 'checkpoints'));

describe('a training', () => {
  const whole = join(folder, 'whole');
  const seen: TrainingProgress[] = [];

  beforeAll(async () => {
    await train(tinyTask(), { ...settings, directory: whole, onProgress: (progress) => seen.push(progress) });
  });

  it('learns, and says how it goes', () => {
    const mean = (from: number, to: number) => seen.slice(from, to).reduce((sum, { loss }) => sum + loss, 0) / (to - from);
    expect(mean(50, 60)).toBeLessThan(mean(0, 10) / 2);
    expect(seen.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    expect(seen[59]).toMatchObject({
      steps: 60,
      remaining: 0,
      metrics: { first_error: expect.any(Number), gradient_norm: expect.any(Number) },
    });
    expect(seen.filter(({ evaluation }) => evaluation).map(({ step, evaluation }) => [step, evaluation])).toEqual([
      [30, { keys: 4 }],
      [60, { keys: 4 }],
    ]);
  });

  it('leaves its weights under the keys of the model, the last two checkpoints, and its curves', () => {
    const trained = openCheckpoint(join(whole, 'weights.safetensors'));
    expect(trained.keys).toEqual(['net.fc1.weight', 'net.fc1.bias', 'net.fc2.weight', 'net.fc2.bias']);
    trained.close();
    expect(checkpointsOf(whole)).toEqual(['00000040', '00000060']);
    const rows = readFileSync(join(whole, 'curve.csv'), 'utf8').trimEnd().split('\n');
    expect(rows).toHaveLength(61);
    expect(rows[0]).toBe('step,loss,first_error,gradient_norm,learning_rate,rate');
    expect(readFileSync(join(whole, 'evaluation.csv'), 'utf8')).toBe('step,keys\n30,4\n60,4\n');
    expect(readFileSync(join(whole, 'curve.png')).subarray(1, 4).toString()).toBe('PNG');
  });

  it('gives the same bits again', async () => {
    const again = join(folder, 'again');
    await train(tinyTask(), { ...settings, directory: again });
    expect(bytes(again)).toBe(bytes(whole));
    const other = join(folder, 'other-seed');
    await train(tinyTask(), { ...settings, seed: 4, directory: other });
    expect(bytes(other)).not.toBe(bytes(whole));
  });

  it('gives the same bits when it was stopped and resumed', async () => {
    const directory = join(folder, 'stopped');
    const stop = new AbortController();
    const onProgress = ({ step }: TrainingProgress) => step === 33 && stop.abort();
    const first = await train(tinyTask(), { ...settings, directory, onProgress, signal: stop.signal });
    expect(first).toMatchObject({ step: 33, finished: false });
    expect(checkpointsOf(directory)).toEqual(['00000020', '00000033']);
    const second = await train(tinyTask(), { ...settings, directory, resume: true });
    expect(second).toMatchObject({ step: 60, finished: true });
    expect(bytes(directory)).toBe(bytes(whole));
    const losses = (of: string) => readFileSync(join(of, 'curve.csv'), 'utf8').replaceAll(/,[^,\n]*$/gm, '');
    expect(losses(directory)).toBe(losses(whole));
  });

  it('has nothing left to do when it is resumed after its end', async () => {
    const result = await train(tinyTask(), { ...settings, directory: whole, resume: true });
    expect(result).toMatchObject({ step: 60, finished: true, loss: undefined });
  });

  it('is not begun over another, nor gone on with by another recipe or model', async () => {
    await expect(train(tinyTask(), { ...settings, directory: whole })).rejects.toMatchObject({ code: 'run_exists' });
    await expect(train(tinyTask(), { ...settings, learningRate: 0.1, directory: whole, resume: true })).rejects.toMatchObject({
      code: 'checkpoint_mismatch',
      message: expect.stringContaining('schedule.learningRate was 0.02, now it is 0.1'),
    });
    const { ema: _, ...without } = settings;
    await expect(train(tinyTask(), { ...without, directory: whole, resume: true })).rejects.toThrow(
      'ema was {"decay":0.9,"every":4}, now it is absent',
    );
  });

  it('lets statistics follow the data, in its checkpoints too', async () => {
    const directory = join(folder, 'following');
    const { ema: _, ...without } = settings;
    const { weights } = await train(followingTask(), { ...without, directory });
    for (const mean of weights.read('running_mean', [3])) expect(Math.abs(mean - 5)).toBeLessThan(0.5);
    for (const variance of weights.read('running_var', [3])) expect(Math.abs(variance - 4)).toBeLessThan(1);
    for (const bias of weights.read('bias', [3])) expect(bias).toBeGreaterThan(0.1); // learned, towards 1
    const state = openCheckpoint(join(directory, 'checkpoints/00000060/state.safetensors'));
    expect(state.keys.toSorted()).toEqual([
      'bias',
      'first.bias',
      'first.weight',
      'running_mean',
      'running_var',
      'second.bias',
      'second.weight',
      'weight',
    ]);
    state.close();
  });

  it('stops at a loss that is no number, and keeps what it had', async () => {
    const directory = join(folder, 'broken');
    await expect(train(tinyTask({ breaksAt: 25 }), { ...settings, directory })).rejects.toMatchObject({
      code: 'loss_not_finite',
      message: expect.stringContaining('The loss is NaN at step 25. The checkpoint of step 20 stays'),
    });
    expect(checkpointsOf(directory)).toEqual(['00000020']);
  });
});
