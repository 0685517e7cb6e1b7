import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportGraph, hashWeights, openCheckpoint, WeightError, withoutPrefix, type Graph, type WeightSource } from '@likeness/graph';
import { createSession, float32, type Feeds, type Outputs, type Tensor } from '@likeness/inference';
import {
  autoencoderConfig,
  bisenetConfig,
  clipTextConfig,
  clipTextGraph,
  clipVisionConfig,
  clipVisionGraph,
  facialEncoderConfig,
  facialEncoderGraph,
  fastComposerGraph,
  faceParsingGraph,
  faceRecognitionGraph,
  identityProjectionConfig,
  identityProjectionGraph,
  instantIdConfig,
  instantIdGraph,
  ipAdapterConfig,
  ipAdapterGraph,
  iresnetConfig,
  photoMakerGraph,
  unetConfig,
  unetGraph,
  vaeDecoderGraph,
  vaeEncoderGraph,
  type AdapterConfig,
} from '@likeness/models';
import type { ParityCase } from '../case.ts';
import type { KindRunner } from './kind.ts';

/** Networks and the weight files they are read from. */
export const networkKinds: Readonly<Record<string, KindRunner>> = {
  'clip-text-model': network(async (c, weights) => {
    const [batch, tokens] = (await c.tensor('input_ids')).dims as [number, number];
    return clipTextGraph(weights, clipTextConfig(c.config), { batch, tokens });
  }),

  'clip-vision-model': network(async (c, weights) => {
    const [batch] = (await c.tensor('pixel_values')).dims as [number];
    return clipVisionGraph(weights, clipVisionConfig(c.config), { batch });
  }),

  'vae-decode': network(async (c, weights) => {
    const [batch, , height, width] = (await c.tensor('latents')).dims as [number, number, number, number];
    return vaeDecoderGraph(weights, autoencoderConfig(c.config), { batch, height, width });
  }),

  'vae-encode': network(async (c, weights) => {
    const [batch, , height, width] = (await c.tensor('pixels')).dims as [number, number, number, number];
    return vaeEncoderGraph(weights, autoencoderConfig(c.config), { batch, height, width });
  }),

  unet: async (c) => {
    const [batch, , height, width] = (await c.tensor('sample')).dims as [number, number, number, number];
    const [, tokens] = (await c.tensor('encoder_hidden_states')).dims as [number, number];
    const { adapter: config } = c.config as { adapter?: AdapterConfig & { scale: number } };
    return withWeights(c, async (base, whole) => {
      const adapter = config && { weights: withoutPrefix(whole, 'adapter_modules.'), config };
      const graph = unetGraph(base, unetConfig(c.config), { batch, height, width, tokens, adapter, intermediates: true });
      const scale = config ? { ip_scale: float32([1], Float32Array.of(config.scale)) } : {};
      const { sample_out: sample, ...intermediates } = await run(graph, { ...(await feeds(c)), ...scale });
      return { sample: sample!, ...intermediates };
    });
  },

  'facial-encoder': async (c) => {
    const [batch, regions, patches] = (await c.tensor('multi_image_embeds')).dims as [number, number, number];
    const [, tokens] = (await c.tensor('prompt_embeds')).dims as [number, number];
    return withWeights(c, async (weights) => {
      const graph = facialEncoderGraph(weights, facialEncoderConfig(c.config), { batch, tokens, regions, patches });
      const { fused_embeds: fused, region_tokens: regionTokens } = await run(graph, await feeds(c));
      return { prompt_embeds: fused!, region_tokens: regionTokens! };
    });
  },

  'identity-projection': network(async (c, weights) => {
    const [batch, patches] = (await c.tensor('clip_embeds')).dims as [number, number];
    return identityProjectionGraph(weights, identityProjectionConfig(c.config), { batch, patches });
  }),

  'face-parsing-model': network(async (c, weights) => {
    const [batch, , height, width] = (await c.tensor('image')).dims as [number, number, number, number];
    return faceParsingGraph(weights, bisenetConfig(c.config), { batch, height, width });
  }),

  'face-recognition-model': network(async (c, weights) => {
    const [batch] = (await c.tensor('image')).dims as [number];
    return faceRecognitionGraph(weights, iresnetConfig(c.config), { batch });
  }),

  'adapter-ip-adapter': network(async (c, weights) => {
    const [name] = c.inputNames as [string];
    const [batch] = (await c.tensor(name)).dims as [number];
    const patches = c.inputNames.includes('image_embeds') ? (await c.tensor('image_embeds')).dims[1]! : 0;
    return ipAdapterGraph(weights, ipAdapterConfig(c.config), { batch, patches });
  }),

  'adapter-photomaker-id-encoder': async (c) => {
    const [batch, pictures] = (await c.tensor('id_pixel_values')).dims as [number, number];
    const [, tokens, width] = (await c.tensor('prompt_embeds')).dims as [number, number, number];
    return withWeights(c, async (weights) => {
      const graph = photoMakerGraph(weights, clipVisionConfig(c.config), { batch, pictures, tokens, width });
      return { prompt_embeds: (await run(graph, await feeds(c)))['fused_embeds']! };
    });
  },

  'adapter-instantid-resampler': network(async (c, weights) => {
    const [batch, faces] = (await c.tensor('face_embeds')).dims as [number, number];
    return instantIdGraph(weights, instantIdConfig(c.config), { batch, faces });
  }),

  'adapter-fastcomposer-postfuse': async (c) => {
    const [batch, objects] = (await c.tensor('object_embeds')).dims as [number, number];
    const [, tokens, width] = (await c.tensor('text_embeds')).dims as [number, number, number];
    return withWeights(c, async (weights) => {
      const graph = fastComposerGraph(weights, { embed_dim: width }, { batch, tokens, objects });
      return { text_embeds: (await run(graph, await feeds(c)))['fused_embeds']! };
    });
  },

  'checkpoint-read': async (c) => ({ tensors: readAll(c) }),

  'checkpoint-hostile': async (c) => {
    try {
      readAll(c);
    } catch (error) {
      if (error instanceof WeightError && error.code === 'checkpoint_refused') return { result: 'refused' };
      throw error;
    }
    return { result: 'accepted' };
  },
};

/** A kind whose graph has the case's own names for inputs and outputs. */
function network(build: (c: ParityCase, weights: WeightSource) => Promise<Graph>): KindRunner {
  return (c) => withWeights(c, async (weights) => run(await build(c, weights), await feeds(c)));
}

/** The case's weights without their prefix, and the whole source. */
export async function withWeights<T>(c: ParityCase, use: (weights: WeightSource, whole: WeightSource) => Promise<T>): Promise<T> {
  const { hash, file, prefix = '', gain, prelu } = c.weights ?? {};
  const opened = file === undefined ? undefined : openCheckpoint(join(c.folder, file));
  try {
    const whole = opened ?? (hash === undefined ? undefined : hashWeights(hash, { gain, prelu }));
    if (!whole) throw new Error(`${c.name} names no weights.`);
    return await use(prefix === '' ? whole : withoutPrefix(whole, prefix), whole);
  } finally {
    opened?.close();
  }
}

export async function feeds(c: ParityCase): Promise<Record<string, Tensor>> {
  return Object.fromEntries(await Promise.all(c.inputNames.map(async (name) => [name, await c.tensor(name)] as const)));
}

export async function run(graph: Graph, inputs: Feeds): Promise<Outputs> {
  const weightsFolder = await mkdtemp(join(tmpdir(), 'likeness-parity-'));
  try {
    const { bytes, externalFolder: folder } = exportGraph(graph, { weightsFolder });
    const session = await createSession({ bytes, name: graph.name, ...(folder === undefined ? {} : { folder }) });
    try {
      return await session.run(inputs);
    } finally {
      await session.release();
    }
  } finally {
    await rm(weightsFolder, { recursive: true });
  }
}

function readAll(c: ParityCase): Map<string, Tensor> {
  const file = openCheckpoint(c.file('file'));
  try {
    return new Map(file.keys.map((key) => [key, { dtype: 'float32', dims: file.shape(key)!, data: file.read(key) }]));
  } finally {
    file.close();
  }
}
