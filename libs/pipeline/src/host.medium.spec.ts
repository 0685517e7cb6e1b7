import { readFile } from 'node:fs/promises';
import type { TaskPaused } from '@likeness/inference';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generatePortraits } from './consistent-id.ts';
import { readIdentity } from './embedding/index.ts';
import { createPipelineHost } from './host.ts';
import { decodePlain, readProvenance } from './image/index.ts';
import { resolveOptions } from './options.ts';
import { readTensors } from './safetensors.ts';
import { openStages, type Stages } from './stages.ts';

const pack = 'sketch';
const host = createPipelineHost({ threads: 1 });
let stages: Stages;
let reference: Uint8Array;
beforeAll(async () => {
  reference = await readFile(new URL('../../../samples/portrait.jpg', import.meta.url));
  stages = await openStages(pack, { threads: 1 });
});
afterAll(async () => {
  await host.stop();
  await stages.release();
});

const request = { prompt: 'A man wearing a santa hat', seed: 7, steps: 3 };

describe('the three stages in an inference process', () => {
  it('give the same bytes as in this process, and the pictures say how they were made', async () => {
    const here = await generatePortraits(stages, reference, { ...request, numImages: 2 });

    const options = resolveOptions(stages.pack, { ...request, numImages: 2 });
    const parsed = await host.run('parseFace', { pack, reference, facialRegions: options.facialRegions }, { model: pack });
    const { face, regions } = parsed;
    const { identity } = await host.run('embedIdentity', { pack, reference, face, regions }, { model: pack });
    const steps: string[] = [];
    const onProgress = ({ step, total }: { step: number; total: number }) => steps.push(`${step}/${total}`);
    const { images } = await host.run('samplePortrait', { ...options, pack, identity }, { model: pack, onProgress });

    expect(images.map(({ sha256, seed }) => [sha256, seed])).toEqual(here.images.map(({ sha256, seed }) => [sha256, seed]));
    expect(images.map(({ seed }) => seed)).toEqual([7, 8]);
    expect(new Set(images.map(({ sha256 }) => sha256)).size).toBe(2);
    expect(steps).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6']);
    expect(parsed).toMatchObject({ detection: null, warnings: ['no_face_detector'] });

    const provenance = await readProvenance(images[1]!.bytes);
    expect(JSON.parse(provenance!.parameters)).toMatchObject({
      prompt: request.prompt,
      seed: 8,
      steps: 3,
      pack,
      trained: false,
      ai_generated: true,
    });
  });

  it('leave the artifacts in the shapes the next stage expects', async () => {
    const { parsed, embedded } = await generatePortraits(stages, reference, request);
    expect(parsed.regions.length).toBeGreaterThan(0);
    const dims = (file: Uint8Array) =>
      Object.fromEntries(Object.entries(readTensors(file).tensors).map(([name, tensor]) => [name, tensor.dims]));
    expect(dims(embedded.identity)).toEqual({
      face_embedding: [1, 512],
      id_tokens: [1, 4, 64],
      id_tokens_uncond: [1, 4, 64],
      region_tokens: [1, 5, 1, 64],
      region_tokens_uncond: [1, 5, 1, 64],
    });
    expect(readIdentity(embedded.identity).regions).toEqual(parsed.regions.map(({ name }) => name));
  });

  it('show what there is so far as often as they are asked to', async () => {
    const { embedded, options } = await generatePortraits(stages, reference, request);
    const previewsWith = async (previewMs: number) => {
      const previews: (Uint8Array | undefined)[] = [];
      const onProgress = ({ preview }: { preview?: Uint8Array }) => previews.push(preview);
      await host.run('samplePortrait', { ...options, pack, previewMs, identity: embedded.identity }, { model: pack, onProgress });
      return previews;
    };
    const [, , last] = await previewsWith(1); // a step takes longer
    expect(await decodePlain(last!)).toMatchObject({ width: 128, height: 128, channels: 3 });
    for (const previewMs of [0, 600_000]) expect(await previewsWith(previewMs)).toEqual([undefined, undefined, undefined]);
  });

  it('stop between two steps when asked to pause, and go on in another process to the same bytes', { timeout: 120_000 }, async () => {
    const { embedded, options, images } = await generatePortraits(stages, reference, { ...request, numImages: 2, scheduler: 'unipc' });
    const input = { ...options, pack, identity: embedded.identity };
    const pause = new AbortController();
    const onProgress = ({ step }: { step: number }) => step === 2 && pause.abort();
    const paused = host.run('samplePortrait', input, { model: pack, pause: pause.signal, onProgress });
    const { state } = (await paused.catch((error: unknown) => error)) as TaskPaused;

    const another = createPipelineHost({ threads: 1 });
    const steps: number[] = [];
    const resumed = await another.run('samplePortrait', { ...input, resume: state }, { onProgress: ({ step }) => steps.push(step) });
    await another.stop();
    // The message may come while the next step is under way.
    const at = resumed.resumedAt ?? 0;
    expect(at).toBeGreaterThanOrEqual(2);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6].slice(at));
    expect(resumed.images.map(({ bytes }) => Buffer.from(bytes))).toEqual(images.map(({ bytes }) => Buffer.from(bytes)));
  });

  it('stop between two steps when canceled', async () => {
    const { embedded, options } = await generatePortraits(stages, reference, request);
    const abort = new AbortController();
    const run = host.run(
      'samplePortrait',
      { ...options, steps: 100, pack, identity: embedded.identity },
      {
        model: pack,
        signal: abort.signal,
        onProgress: ({ step }) => step === 2 && abort.abort(),
      },
    );
    await expect(run).rejects.toMatchObject({ code: 'canceled' });
    expect(host.restarts).toBe(0);
  });

  it("answer with the service's codes", async () => {
    const run = (bytes: Uint8Array, name: string) => host.run('parseFace', { pack: name, reference: bytes, facialRegions: [] });
    await expect(run(Buffer.from('no picture'), pack)).rejects.toMatchObject({ code: 'image_unreadable' });
    await expect(run(reference, 'absent')).rejects.toMatchObject({ code: 'model_unavailable' });
  });
});

describe('what a request changes', () => {
  const firstImage = async (change: object) => (await generatePortraits(stages, reference, { ...request, ...change })).images[0]!;
  /** The files differ anyway: they carry the request. */
  const firstPixels = async (change: object) => Buffer.from((await decodePlain((await firstImage(change)).bytes)).data);
  let unchanged: Buffer;
  beforeAll(async () => {
    unchanged = await firstPixels({});
  });

  it.each([
    ['the prompt', { prompt: 'A woman on Mars' }],
    ['the negative prompt', { negativePrompt: 'blurry' }],
    ['the seed', { seed: 9 }],
    ['the scheduler', { scheduler: 'ddim' }],
    ['guidance', { guidanceScale: 7 }],
    ['the merge step', { mergeStep: -1 }],
    ['the identity scale', { identityScale: 0 }],
    ['the facial regions', { facialRegions: ['nose'] }],
  ])('%s', async (_, change) => {
    expect((await firstPixels(change)).equals(unchanged)).toBe(false);
  });

  it('the reference', async () => {
    const mirrored = await sharp(reference).flop().png().toBuffer();
    const { images } = await generatePortraits(stages, mirrored, request);
    expect(Buffer.from((await decodePlain(images[0]!.bytes)).data).equals(unchanged)).toBe(false);
  });

  it('nothing but the file where only the format differs', async () => {
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      expect(await firstImage({ format })).toMatchObject({ contentType: `image/${format}`, width: 256, height: 256 });
    }
  });
});

describe('the noop pack', () => {
  it('gives one pixel per image', async () => {
    const noop = await openStages('noop');
    const { images } = await generatePortraits(noop, reference, { prompt: 'x', numImages: 3, seed: 1 });
    expect(images.map(({ width, height, seed }) => [width, height, seed])).toEqual([
      [1, 1, 1],
      [1, 1, 2],
      [1, 1, 3],
    ]);
  });
});
