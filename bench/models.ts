/** The model's side, in this process: one warm-up, then single calls; with `--compare`, in turns with PyTorch. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { elementCount, float32, type Session } from '@likeness/inference';
import { loadPack, type ConsistentIdPack } from '@likeness/models';
import {
  ClipTokenizer,
  createPipelineHost,
  decodePicture,
  facialRegions,
  ModelSet,
  openStages,
  resizePillow,
  toRgb,
  weightsFolder as convertedWeights,
  type FacialRegion,
} from '@likeness/pipeline';
import type { Benchmark, BenchOptions } from './benchmark.ts';
import { inTurns, startRival } from './compare/rival.ts';
import { memoryOf } from './memory.ts';

const portrait = fileURLToPath(new URL('../samples/portrait.jpg', import.meta.url));

/** Where the command line and workers keep them, too. */
const weightsFolder = convertedWeights(process.env);

async function modelsOf(name: string): Promise<ModelSet> {
  const pack = await loadPack(name);
  if (pack.manifest.pipeline === 'noop') throw new Error(`the pack ${name} has no models`);
  return new ModelSet(pack as ConsistentIdPack, { weightsFolder });
}

/** Of the latents: of the wanted picture, or of the pack's usual one. */
async function sizeOf(models: ModelSet, size: BenchOptions['size']) {
  const { width, height } = size ?? models.pack.manifest.defaults;
  const { factor } = await models.latents();
  return { width: width / factor, height: height / factor };
}

/** Steady values in −1 … 1 for every input of a graph. */
function feedsOf({ inputs }: Session) {
  const values = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 1.7));
  return Object.fromEntries(
    inputs.map(({ name, dims }) => [name, float32(dims as number[], values(elementCount(dims as number[])))] as const),
  );
}

/** One prediction of one row. A step with guidance is two. */
export const unet: Benchmark = async (_, { pack, size, runs, compare, int8 }) => {
  const models = await modelsOf(pack);
  const { height, width } = await sizeOf(models, size);
  const begun = performance.now();
  const session = await models.denoiser(height, width);
  const loaded = performance.now() - begun;
  const feeds = feedsOf(session);
  const integers = int8 ? await int8Denoiser(models, height, width) : undefined;
  const rival = compare === undefined ? undefined : await startRival(compare, 'unet', { height, width });
  const others = integers && { int8: async () => void (await integers.run(feeds)) };
  const { times, parts } = await inTurns(runs, async () => void (await session.run(feeds)), rival, others);
  const memory = await memoryOf(process.pid);
  await rival?.stop();
  await integers?.release();
  await models.release();
  return { runs: times, unit: 'ms', parameters: { pack, latents: [height, width], load_ms: loaded, memory, rival: rival?.about }, parts };
};

/** In 8-bit integers between ranges that are made up: times do not depend on them. */
async function int8Denoiser({ pack, networks }: ModelSet, height: number, width: number): Promise<Session> {
  const { keys } = await networks.observedUnet(height, width);
  const range = { input: [-6, 6], output: [-6, 6] } as const;
  return new ModelSet(pack, { weightsFolder, ranges: Object.fromEntries(keys.map((key) => [key, range])) }).denoiser(height, width);
}

/** Latents → picture values. */
export const vae: Benchmark = async (_, { pack, size, runs, compare }) => {
  const models = await modelsOf(pack);
  const { height, width } = await sizeOf(models, size);
  const decoder = await models.decoder(height, width);
  const feeds = feedsOf(decoder);
  const rival = compare === undefined ? undefined : await startRival(compare, 'vae', { height, width });
  const { times, parts } = await inTurns(runs, async () => void (await decoder.run(feeds)), rival);
  const memory = await memoryOf(process.pid);
  await rival?.stop();
  await models.release();
  return { runs: times, unit: 'ms', parameters: { pack, latents: [height, width], memory, rival: rival?.about }, parts };
};

/** All that a new face costs before the denoising begins. */
export const preprocess: Benchmark = async (_, { pack, runs, compare }) => {
  const stages = await openStages(pack, { weightsFolder });
  const reference = await readFile(portrait);
  const own: Record<'parse' | 'embed', number[]> = { parse: [], embed: [] };
  const regions = Object.keys(facialRegions) as FacialRegion[];
  let found = 0;
  const run = async () => {
    const start = performance.now();
    const parsed = await stages.parseFace({ reference, facialRegions: regions });
    const between = performance.now();
    await stages.embedIdentity({ reference, ...parsed });
    own.parse.push(between - start);
    own.embed.push(performance.now() - between);
    found = parsed.regions.length;
  };
  const rival = compare === undefined ? undefined : await startRival(compare, 'preprocess', { picture: portrait });
  const { times, parts } = await inTurns(runs, run, rival);
  const memory = await memoryOf(process.pid);
  await rival?.stop();
  await stages.release();
  return {
    runs: times,
    unit: 'ms',
    parameters: { pack, picture: 'samples/portrait.jpg', regions: found, memory, rival: rival?.about },
    parts: { parse: own.parse.slice(1), embed: own.embed.slice(1), ...parts },
  };
};

/** What this program computes itself: resizing a photo as Pillow does, and a thousand prompts through the tokeniser (so milliseconds are microseconds of one). */
export const pixels: Benchmark = async (_, { runs, compare }) => {
  const photo = resizePillow(toRgb(await decodePicture(await readFile(portrait))), 827, 613, 'bicubic');
  const tokenizer = new ClipTokenizer({ cleaning: 'huggingface' });
  const prompt = 'cinematic photo, a man, in a forest, adventuring, 50mm photograph, half-length portrait, film, bokeh, professional, 4k';
  const rival = compare === undefined ? undefined : await startRival(compare, 'pixels', { picture: portrait });
  const { times, parts } = await inTurns(runs, async () => void resizePillow(photo, 302, 224, 'bicubic'), rival, {
    'bilinear 512': async () => void resizePillow(photo, 512, 512, 'bilinear'),
    'lanczos 1200': async () => void resizePillow(photo, 1200, 900, 'lanczos'),
    'tokenise 1000': async () => {
      for (let i = 0; i < 1000; i++) tokenizer.encode(`${prompt} ${i}`);
    },
  });
  await rival?.stop();
  return { runs: times, unit: 'ms', parameters: { from: '827 × 613', to: '302 × 224, bicubic', rival: rival?.about }, parts };
};

/** From nothing to a fresh inference process that could take its first job, and the memory it then holds. */
export const coldStart: Benchmark = async (say, { pack, runs }) => {
  const parts: Record<string, number[]> = {};
  const totals: number[] = [];
  for (let i = 0; i < runs; i++) {
    let sum = 0;
    for (const stage of ['parse', 'embed', 'sample'] as const) {
      const host = createPipelineHost({ warm: { pack, stage }, weightsFolder });
      const start = performance.now();
      await host.start();
      const took = performance.now() - start;
      const memory = await memoryOf(host.pid ?? 0);
      await host.stop();
      (parts[stage] ??= []).push(took);
      for (const [kind, mib] of Object.entries(memory)) (parts[`${stage} ${kind} MiB`] ??= []).push(mib);
      sum += took;
    }
    say(`round ${i + 1} of ${runs}`);
    totals.push(sum);
  }
  return { runs: totals, unit: 'ms', parameters: { pack, stages: 'parse + embed + sample, one after another' }, parts };
};
