/** The model's side, in this process, at a pack's default size: one warm-up, then single calls. */
import { readFile } from 'node:fs/promises';
import { float32 } from '@likeness/inference';
import { loadPack, type ConsistentIdPack } from '@likeness/models';
import { createPipelineHost, facialRegions, ModelSet, openStages, resolveOptions, type FacialRegion } from '@likeness/pipeline';
import { timed, type Benchmark } from './benchmark.ts';

const RUNS = 30;
const photo = () => readFile(new URL('../samples/portrait.jpg', import.meta.url));

/** One denoising step: the prediction of both rows of the guidance, and arithmetic on a few thousand numbers. */
export const unet: Benchmark = async (_, { pack }) => {
  const stages = await openStages(pack);
  const options = resolveOptions(stages.pack, { prompt: 'a person', seed: 1, steps: RUNS + 1 });
  const reference = await photo();
  const parsed = await stages.parseFace({ reference, facialRegions: options.facialRegions });
  const { identity } = await stages.embedIdentity({ reference, ...parsed });
  const ends: number[] = [];
  await stages.samplePortrait({ ...options, identity }, { onStep: () => void ends.push(performance.now()) });
  await stages.release();
  const runs = ends.slice(1).map((end, i) => end - (ends[i] ?? NaN)); // the first step loads the model
  return { runs, unit: 'ms', parameters: { pack, width: options.width, height: options.height, rows: 2 } };
};

/** Latents → picture values. */
export const vae: Benchmark = async (_, { pack }) => {
  const found = await loadPack(pack);
  if (found.manifest.pipeline === 'noop') throw new Error(`the pack ${pack} has no models`);
  const models = new ModelSet(found as ConsistentIdPack);
  const { factor, channels } = await models.latents();
  const [height, width] = [found.manifest.defaults.height / factor, found.manifest.defaults.width / factor];
  const decoder = await models.decoder(height, width);
  const latents = float32([1, channels, height, width], new Float32Array(channels * height * width).fill(0.5));
  const runs = await timed(RUNS, async () => void (await decoder.run({ latents })));
  await models.release();
  return { runs, unit: 'ms', parameters: { pack, latents: latents.dims } };
};

/** All that a new face costs before the denoising begins. */
export const preprocess: Benchmark = async (_, { pack }) => {
  const stages = await openStages(pack);
  const reference = await photo();
  const parts: Record<'parse' | 'embed', number[]> = { parse: [], embed: [] };
  const regions = Object.keys(facialRegions) as FacialRegion[];
  const run = async () => {
    const start = performance.now();
    const parsed = await stages.parseFace({ reference, facialRegions: regions });
    const between = performance.now();
    await stages.embedIdentity({ reference, ...parsed });
    parts.parse.push(between - start);
    parts.embed.push(performance.now() - between);
  };
  const runs = await timed(RUNS, run);
  await stages.release();
  return {
    runs,
    unit: 'ms',
    parameters: { pack, picture: 'samples/portrait.jpg' },
    parts: { parse: parts.parse.slice(1), embed: parts.embed.slice(1) },
  };
};

/** From nothing to a fresh inference process that could take its first job. */
export const coldStart: Benchmark = async (say, { pack }) => {
  const parts: Record<string, number[]> = {};
  const runs: number[] = [];
  for (let i = 0; i < 5; i++) {
    let sum = 0;
    for (const stage of ['parse', 'embed', 'sample'] as const) {
      const host = createPipelineHost({ warm: { pack, stage } });
      const start = performance.now();
      await host.start();
      const took = performance.now() - start;
      await host.stop();
      (parts[stage] ??= []).push(took);
      sum += took;
    }
    say(`round ${i + 1} of 5`);
    runs.push(sum);
  }
  return { runs, unit: 'ms', parameters: { pack, stages: 'parse + embed + sample, one after another' }, parts };
};
