/** A step of training, in this process: forward pass, gradients and optimiser of the denoiser of 128 × 128 pictures. */
import { countMacs, Graph, Scope } from '@likeness/graph';
import { architectures, unetConfig } from '@likeness/models';
import { noiseLoss, Parameters, Random, TrainingStep, type Task } from '@likeness/training';
import type { Benchmark } from './benchmark.ts';
import { memoryOf } from './memory.ts';

const batch = 32;
const tokens = 77;

/** That of the pack `nano`: 11 M parameters over latents of 16 × 16 × 8. */
const config = unetConfig({
  in_channels: 8,
  out_channels: 8,
  block_out_channels: [64, 128, 192],
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  attention_head_dim: 4,
  cross_attention_dim: 128,
});

const latents = [batch, config.in_channels, 16, 16];
const text = [batch, tokens, config.cross_attention_dim];
const count = (dims: readonly number[]) => dims.reduce((n, d) => n * d, 1);
const steady = (dims: readonly number[]) => Float32Array.from({ length: count(dims) }, (_, i) => Math.sin(i * 1.7));

const denoiser: Task = {
  build(graph, parameters) {
    const sample = graph.input('latents', 'float32', latents);
    const timestep = graph.input('timesteps', 'float32', [batch]);
    const encoderHiddenStates = graph.input('text', 'float32', text);
    const target = graph.input('target', 'float32', latents);
    const s = Scope.root(graph, parameters, 'unet');
    const answer = architectures.unet(s, { sample, timestep, encoderHiddenStates }, config);
    return { loss: noiseLoss(answer.sample, target) };
  },
  batch: async () => ({
    latents: steady(latents),
    timesteps: Float32Array.from({ length: batch }, (_, i) => (i * 1000) / batch),
    text: steady(text),
    target: steady(latents),
  }),
};

/**
 * Floating-point operations are counted as those of the matrix products and convolutions of the forward pass, three times: backward it is
 * twice as many. Processor time is there for machines that have other work to do.
 */
export const train: Benchmark = async (_, { runs }) => {
  const forward = new Graph('forward');
  forward.output('loss_out', denoiser.build(forward, new Parameters(1)).loss);
  const operations = 6 * countMacs(forward);

  const optimiser = { betas: [0.9, 0.99] as const, epsilon: 1e-8, weightDecay: 0.01, decayVectors: false, clipNorm: 1 };
  const step = await TrainingStep.create(denoiser, { seed: 1, optimiser, threads: undefined });
  const given = await denoiser.batch(1, new Random(1));
  const times: number[] = [];
  const [sustained, perProcessor]: [number[], number[]] = [[], []];
  for (let i = 1; i <= runs + 2; i++) {
    const [begun, used] = [performance.now(), process.cpuUsage()];
    await step.run(i, 1e-4, given);
    const milliseconds = performance.now() - begun;
    const { user, system } = process.cpuUsage(used);
    if (i <= 2) continue; // the first runs find memory
    times.push(milliseconds);
    sustained.push(operations / milliseconds / 1e6);
    perProcessor.push(operations / (user + system) / 1e3);
  }
  const parameters = {
    batch,
    latents,
    forward_gmac: operations / 6e9,
    nodes: step.graph.liveNodes().length,
    memory: await memoryOf(process.pid),
  };
  await step.release();
  return { runs: times, unit: 'ms', parameters, parts: { 'GFLOP/s': sustained, 'GFLOP per second of a processor': perProcessor } };
};
