/** A pause after every step of every scheduler: over a network of a few lines, since what must come back are the numbers around it. */
import { float32, type Outputs, type Session, TaskPaused } from '@likeness/inference';
import type { ConsistentIdPack } from '@likeness/models';
import { describe, expect, it } from 'vitest';
import { writeIdentity } from '../embedding/identity.ts';
import type { DiffusionModels } from '../model-set.ts';
import { schedulerNames, type SchedulerName } from '../schedulers/index.ts';
import { ClipTokenizer } from '../tokenizer/index.ts';
import { samplePortrait, type SamplePortraitInput } from './sample-portrait.ts';
import { readSampleState, writeSampleState } from './sample-state.ts';

const CHANNELS = 8;
const tokens = float32(
  [1, 81, CHANNELS],
  Float32Array.from({ length: 81 * CHANNELS }, (_, i) => Math.sin(i)),
);
const identity = writeIdentity({
  face: float32([1, 512]),
  idTokens: float32([1, 4, CHANNELS], tokens.data.slice(0, 4 * CHANNELS)),
  idTokensUncond: float32([1, 4, CHANNELS]),
  regionTokens: float32([1, 5, 1, CHANNELS]),
  regionTokensUncond: float32([1, 5, 1, CHANNELS]),
  regions: ['Face', 'Nose'],
  corrections: [],
});

const session = (run: (feeds: Parameters<Session['run']>[0]) => Outputs): Session => ({
  inputs: [],
  outputs: [],
  run: async (feeds) => run(feeds),
  release: async () => {},
});

/** Every call gives a fresh set, as another process would have. */
const models = (version = '1'): DiffusionModels => ({
  pack: { manifest: { name: 'toy', version, pipeline: 'consistentid-sd15', trained: false }, digest: 'd' } as ConsistentIdPack,
  tokenizer: async () => new ClipTokenizer({ cleaning: 'huggingface', addedTokens: ['<|image|>', '<|facial|>'] }),
  tokenizer2: () => Promise.reject(new Error('SD 1.5 has one')),
  textEncoder: async () => session(() => ({ last_hidden_state: float32([1, 77, CHANNELS], tokens.data.slice(0, 77 * CHANNELS)) })),
  textEncoder2: () => Promise.reject(new Error('SD 1.5 has one')),
  fuse: async () => session(({ prompt_embeds }) => ({ fused_embeds: prompt_embeds! })),
  latents: async () => ({ factor: 8, channels: 4, divisor: [1, 1, 1, 1], mean: [0, 0, 0, 0] }),
  schedulerConfig: async () => ({ beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', skip_prk_steps: true, steps_offset: 1 }), // prettier-ignore
  unet:
    async () =>
    async (latents, t, { tokens: row }) =>
      Float32Array.from({ length: 2 * latents.length }, (_, i) => Math.tanh(latents[i % latents.length]! + row.data[i % 50]! + t / 5000)),
  decoder: async (height, width) =>
    session(({ latents }) => ({
      sample: float32([1, 3, 8 * height, 8 * width], Float32Array.from({ length: 192 * height * width }, (_, i) => (latents!.data as Float32Array)[i % 64]! / 20)), // prettier-ignore
    })),
});

const job: SamplePortraitInput = {
  prompt: 'A man',
  negativePrompt: 'blurry',
  numImages: 2,
  width: 32,
  height: 32,
  steps: 5,
  scheduler: 'euler',
  guidanceScale: 5,
  mergeStep: 2,
  identityScale: 1,
  seed: 3,
  format: 'png',
  identity,
};

/** What comes out, in a process of its own. */
async function sampled(input: SamplePortraitInput, onStep: (step: number, total: number) => void = () => {}, version?: string) {
  const { images, resumedAt } = await samplePortrait(models(version), input, { onStep });
  return { images: images.map(({ bytes, ...image }) => ({ ...image, bytes: Buffer.from(bytes) })), resumedAt };
}

/** Samples until step `at` and gives back what was saved there. */
async function pausedAt(at: number, input: SamplePortraitInput): Promise<Uint8Array> {
  const pause = new AbortController();
  const onStep = (step: number) => void (step === at && pause.abort());
  const error = await samplePortrait(models(), input, { onStep, pause: pause.signal }).catch((thrown: unknown) => thrown);
  if (error instanceof TaskPaused) return error.state;
  throw new Error('it was not paused');
}

describe.each(Object.keys(schedulerNames) as SchedulerName[])('a sampling by %s', (scheduler) => {
  it('that is paused after any step goes on elsewhere to the same bytes', async () => {
    const input = { ...job, scheduler };
    let total = 0;
    const { images } = await sampled(input, (_, all) => (total = all));
    expect(total).toBe(scheduler === 'pndm' ? 12 : 10);
    for (let at = 1; at <= total; at++) {
      const steps: number[] = [];
      const resume = await pausedAt(at, input);
      const resumed = await sampled({ ...input, resume }, (step) => steps.push(step));
      expect(resumed).toEqual({ images, resumedAt: at });
      expect(steps).toEqual(Array.from({ length: total - at }, (_, i) => at + 1 + i));
    }
  });

  it('may be paused again and again', async () => {
    const input = { ...job, scheduler };
    const { images } = await sampled(input);
    let resume: Uint8Array | undefined;
    for (const at of [1, 2, 4, 7, 8]) resume = await pausedAt(at, { ...input, resume });
    expect(await sampled({ ...input, resume })).toEqual({ images, resumedAt: 8 });
  });
});

describe('a saved sampling', () => {
  const changes: [string, Partial<SamplePortraitInput>][] = [
    ['prompt', { prompt: 'A woman' }],
    ['seed', { seed: 4 }],
    ['number of steps', { steps: 6 }],
    ['scheduler', { scheduler: 'ddim' }],
    ['identity', { identity: Buffer.concat([identity, Buffer.from(' ')]) }],
    ['number of images', { numImages: 3 }],
  ];
  it.each(changes)('of another %s is ignored', async (_, change) => {
    const resume = await pausedAt(4, { ...job, ...change });
    const anew = await sampled(job);
    expect(await sampled({ ...job, resume })).toEqual(anew);
    expect(anew.resumedAt).toBe(0);
  });

  it('of another version of the pack is ignored', async () => {
    const resume = await pausedAt(4, job);
    expect(await sampled({ ...job, resume }, undefined, '2')).toMatchObject({ resumedAt: 0 });
  });

  it.each([
    ['cut', (state: Uint8Array) => state.subarray(0, state.length - 1)],
    ['empty', () => new Uint8Array()],
    ['something else', () => Buffer.from('no state, by any means')],
    ['without its images', (state: Uint8Array) => writeSampleState({ ...readSampleState(state), images: [] }).subarray(8)],
  ])('that is %s is ignored', async (_, damage) => {
    const resume = damage(await pausedAt(6, job));
    expect(await sampled({ ...job, resume })).toEqual(await sampled(job));
  });

  it('says what is wrong with it', () => {
    const latents = float32([1, 4, 2, 2]);
    const state = writeSampleState({ job: 'j', images: [], done: 3, latents, history: { a: Float64Array.of(0.1) } });
    expect(readSampleState(state)).toEqual({ job: 'j', images: [], done: 3, latents, history: { a: Float64Array.of(0.1) } });
    const edited = (from: string, to: string) => Buffer.from(Buffer.from(state).toString('latin1').replace(from, to), 'latin1');
    expect(() => readSampleState(edited('"done":"3"', '"done":"x"'))).toThrow('it has made "x" steps');
    expect(() => readSampleState(edited('"images":"[]"', '"images":"[3"'))).toThrow('its list of images makes no sense');
  });
});
