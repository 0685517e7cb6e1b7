import { Graph, op, Scope, type Tensor as Value } from '@likeness/graph';
import { float32, floats, type Outputs, type Tensor } from '@likeness/inference';
import { facialEncoderConfig, identityProjectionConfig, unetConfig, type AdapterConfig } from '@likeness/models';
import {
  appendAdamW,
  consistentIdLoss,
  differentiate,
  localizationLoss,
  noiseLoss,
  Parameters,
  stepScalars,
  type ConsistentIdConfig,
} from '@likeness/training';
import type { ParityCase } from '../case.ts';
import type { KindRunner } from './kind.ts';
import { feeds, run, withWeights } from './network.ts';

interface StepConfig extends Pick<ConsistentIdConfig, 'facial_weight' | 'normalize' | 'layers'> {
  readonly unet: Record<string, unknown>;
  readonly adapter: AdapterConfig & { readonly scale: number };
  readonly facial_encoder: Record<string, unknown>;
  readonly identity_projection: Record<string, unknown>;
  /** Prefixes of the weights that are trained. */
  readonly train: readonly string[];
  readonly parameters: readonly string[];
  readonly optimizer: { readonly lr: number; readonly betas: [number, number]; readonly eps: number; readonly weight_decay: number };
}

/** Losses with their gradients, and a step of the optimiser. */
export const trainingKinds: Readonly<Record<string, KindRunner>> = {
  'noise-loss': async (c) => {
    const given = await feeds(c);
    const graph = new Graph('noise-loss');
    const { prediction, noise, foreground_masks: foreground } = inputsOf(graph, given);
    return withGradients(graph, noiseLoss(prediction!, noise!, foreground), { prediction: prediction! }, given);
  },

  'localization-loss': async (c) => {
    const given = await feeds(c);
    const graph = new Graph('localization-loss');
    const { masks, token_idx: tokens, token_idx_mask: present, ...attention } = inputsOf(graph, given);
    const batch = masks!.dims[0]!;
    const perHead = Object.values(attention).map((map) => op.reshape(map, [batch, -1, ...map.dims.slice(1)])); // [B·h, n, m] → [B, h, n, m]
    const regions = { masks: op.cast(masks!, 'float32'), tokens: tokens!, present: present! };
    const loss = localizationLoss(perHead, regions, { normalize: Boolean(c.config['normalize']) });
    return withGradients(graph, loss, attention, given);
  },

  'training-step': (c) => withWeights(c, async (weights) => trainingStep(c, new Parameters(0).start(weights))),
};

/** One step of AdamW on ConsistentID's loss. */
async function trainingStep(c: ParityCase, parameters: Parameters): Promise<Outputs> {
  const config = c.config as unknown as StepConfig;
  const given = await feeds(c);
  const timesteps = float32(given['timesteps']!.dims, Float32Array.from(given['timesteps']!.data as BigInt64Array, Number));
  const frozen = ['unet', 'adapter_modules', 'FacialEncoder', 'image_proj_model'].filter((path) => !config.train.includes(path));
  for (const path of frozen) parameters.freeze(new RegExp(`^${path}\\.`));

  const graph = new Graph('training-step');
  const x = inputsOf(graph, { ...given, timesteps });
  const at = (path: string) => Scope.root(graph, parameters, path);
  const { noise, facial, total } = consistentIdLoss(
    { unet: at('unet'), adapter: at('adapter_modules'), facialEncoder: at('FacialEncoder'), projection: at('image_proj_model') },
    {
      noisyLatents: x['noisy_latents']!,
      timesteps: x['timesteps']!,
      target: x['noise']!,
      promptEmbeds: x['prompt_embeds']!,
      imageEmbeds: x['image_embeds']!,
      regionEmbeds: x['region_embeds']!,
      faceEmbeds: op.reshape(x['face_embeds']!, [x['face_embeds']!.dims[0]!, -1]),
      tokenMask: x['facial_token_mask']!,
      tokenIndex: x['facial_token_idx']!,
      tokenPresent: x['facial_token_idx_mask']!,
      regionMasks: op.cast(x['facial_masks']!, 'float32'),
      foregroundMasks: x['foreground_masks'] && op.cast(x['foreground_masks'], 'float32'),
    },
    {
      ...config,
      unet: unetConfig(config.unet),
      facial_encoder: facialEncoderConfig(config.facial_encoder),
      identity_projection: identityProjectionConfig(config.identity_projection),
    },
  );

  const { lr, betas, eps: epsilon, weight_decay: weightDecay } = config.optimizer;
  const options = { betas, epsilon, weightDecay, decayVectors: true, clipNorm: undefined };
  const trained = config.parameters.map((name) => parameters.inputs.get(name)!);
  const gradients = differentiate(graph, total, trained);
  appendAdamW(graph, trained, gradients, options);
  for (const [name, loss] of Object.entries({ noise, facial, total })) graph.output(`loss.${name}`, loss);
  for (const [i, name] of config.parameters.entries()) graph.output(`grad.${name}`, gradients[i]!);

  const state = new Map<string, Tensor>();
  for (const [name, values] of parameters.initial()) state.set(name, float32(parameters.inputs.get(name)!.dims, values));
  for (const [name, value] of Object.entries(stepScalars(1, lr, options))) state.set(name, float32([1], Float32Array.of(value)));
  const others = graph.inputs.filter(({ name }) => !state.has(name) && !(name in given));
  for (const { name, dims } of others) state.set(name, float32(dims)); // moments begin at zero
  const outputs = await run(graph, { ...given, timesteps, ...Object.fromEntries(state) });

  const norms = config.parameters.map((name) => norm(floats(outputs[`grad.${name}`]!)));
  const updated = config.parameters.map((name) => [`updated.${name}`, outputs[`next.${name}`]!] as const);
  return { ...outputs, grad_norms: float32([norms.length], Float32Array.from(norms)), ...Object.fromEntries(updated) };
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

const inputsOf = (graph: Graph, given: Readonly<Record<string, Tensor>>): Partial<Record<string, Value>> & { [name: string]: Value } =>
  Object.fromEntries(Object.entries(given).map(([name, { dtype, dims }]) => [name, graph.input(name, dtype, dims)]));

async function withGradients(graph: Graph, loss: Value, wrt: Readonly<Record<string, Value>>, given: Readonly<Record<string, Tensor>>) {
  const gradients = differentiate(graph, loss, Object.values(wrt));
  graph.output('loss', op.reshape(loss, [1]));
  for (const [i, name] of Object.keys(wrt).entries()) graph.output(`grad.${name}`, gradients[i]!);
  return run(graph, given);
}
