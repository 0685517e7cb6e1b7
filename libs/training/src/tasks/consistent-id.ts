/**
 * ConsistentID itself: facial encoder, identity projection and adapter learn to put a person into the pictures of a frozen base
 * (JackAILab/ConsistentID e234008, train.py), from a reference that may be another picture of the same person.
 */
import { Graph, renamed, Scope, type WeightSource } from '@likeness/graph';
import {
  architectures,
  attentionPaths,
  autoencoderConfig,
  clipTextConfig,
  clipVisionConfig,
  facialEncoderConfig,
  identityProjectionConfig,
  unetConfig,
  type UNetConfig,
} from '@likeness/models';
import { z } from 'zod';
import type { FgidRecord } from '../data/fgid.ts';
import { openLabels, openPictures, PictureData } from '../data/open-pictures.ts';
import { rasterBatch } from '../data/raster-file.ts';
import { openReferences, slots } from '../data/references.ts';
import { consistentIdLoss } from '../losses/consistent-id.ts';
import { Random } from '../random.ts';
import type { Batch, Task } from '../trainer/task.ts';
import { captionOf, detailed, openTokenizer } from './captions.ts';
import { identityBatch, maskSide, type IdentityExample } from './identity-batch.ts';
import { latentElements, Noise, noiseBatch, noisyLatents } from './diffusion.ts';
import { drawFrom, inBatches } from './examples.ts';
import { overBatches } from './held-out.ts';
import { networkConfig } from './network-config.ts';
import { taskKind } from './task-kind.ts';

const share = z.number().min(0).max(1);

const Model = z.strictObject({
  /** A folder with vocab.json and merges.txt. */
  tokenizer: z.string(),
  /** These as in the networks' `config.json`. */
  text_encoder: networkConfig(clipTextConfig),
  image_encoder: networkConfig(clipVisionConfig),
  unet: networkConfig(unetConfig),
  vae: networkConfig(autoencoderConfig),
  noise: Noise,
  adapter: z.strictObject({ rank: z.int().min(0), tokens: z.int().min(1).default(4), lora_scale: z.number().default(1) }),
  facial_encoder: networkConfig(facialEncoderConfig),
  identity_projection: networkConfig(identityProjectionConfig),
  /** Of the localisation loss. */
  facial_weight: z.number().min(0).default(0.01),
  normalize: z.boolean().default(true),
  /** `attn2` is what the paper means, `attn1` what the repository does. */
  hook: z.enum(['attn1', 'attn2']).default('attn2'),
  /** How often only the person counts and not what is behind. */
  mask: share.default(0.5),
  /** How often a picture has neither words nor person, as the unconditional half of a sampling step. */
  drop: share.default(0.1),
  /** How often the words are left as they are, as before a sampling's merge step. */
  plain: share.default(0.25),
  /** How often one region is left out. */
  drop_region: share.default(0.1),
  /** How often the reference is another picture of the person, where there is one. */
  other_picture: share.default(0.85),
});

const Data = PictureData.extend({
  /** Only pictures that say so (`plain`) are references of others; else every picture is. */
  plain_references: z.boolean().default(false),
});

export const consistentId = taskKind({
  data: Data,
  model: Model,
  async create({ batch, seed, data, model, from, path, onPrepare }): Promise<Task> {
    const open = await openPictures({ batch, data, path, onPrepare });
    const labels = await openLabels(open, onPrepare);
    const { records, pictures, learned, heldOut } = open;
    const tokenizer = await openTokenizer(path(model.tokenizer));
    const isReference = (index: number) => !data.plain_references || records[index]!.more['plain'] === true;
    const networks = { vision: model.image_encoder, imageEncoder: from('image_encoder'), recognizer: from('recognizer') };
    for (const frozen of ['vae', 'text_encoder', 'unet']) from(frozen); // without a start they would be noise, and stay it
    const seen = await openReferences(open, labels, [...records.keys()].filter(isReference), networks, (done, total) =>
      onPrepare('references', done, total),
    );
    const referencesOf = byPerson(records, isReference);
    const elements = latentElements(model.vae, data.size);

    const example = (index: number, random: Random): IdentityExample => {
      const record = records[index]!;
      const others = referencesOf(index).filter((other) => other !== index);
      const isOther = others.length > 0 && (!isReference(index) || random.next() < model.other_picture);
      const reference = seen.read(isOther ? others[random.integer(others.length)]! : index);
      const isPlain = random.next() < model.plain;
      const leftOut = random.next() < model.drop_region ? random.integer(slots) : -1;
      const regions = isPlain ? [] : reference.regions.filter((_, i) => i !== leftOut);
      const caption = captionOf(record, random);
      const marked = detailed(caption, record, { tokenizer, regions: regions.map(({ name }) => name), random });
      const isDropped = random.next() < model.drop;
      return {
        labels: labels.read(index),
        ids: isDropped ? tokenizer.encodePadded('') : marked.cleanIds,
        marked,
        face: isDropped ? new Float16Array(seen.faceLength) : reference.face,
        image: isDropped ? seen.nothing : reference.image,
        regions: regions
          .filter(({ name }) => marked.regions.includes(name))
          .map(({ name, features }) => ({ name, features: isDropped ? seen.nothing : features })),
      };
    };
    const read = (indices: readonly number[], random: Random): Batch => ({
      pictures: rasterBatch(pictures, indices),
      ...noiseBatch(model.noise, batch, elements, random),
      ...identityBatch(
        indices.map((index) => example(index, random)),
        { side: data.size, nothing: seen.nothing, foregroundOnly: random.next() < model.mask },
      ),
    });
    const loss = (graph: Graph, weights: WeightSource) =>
      lossOf(graph, weights, { ...model, batch, side: data.size, faceLength: seen.faceLength, features: seen.nothing.length });
    const hasReference = (index: number) => isReference(index) || referencesOf(index).length > 0;
    const [pool, measured] = [learned.filter(hasReference), heldOut.filter(hasReference)];

    return {
      build(graph, parameters) {
        parameters.freeze(/^(unet|text_encoder|vae)\./).start(copiedAttention(from('unet'), model.unet), 'consistentid.adapter_modules');
        const { noise, facial, total } = loss(graph, parameters);
        return { loss: total, metrics: { noise, facial } };
      },
      batch: async (_, random) => read(drawFrom(pool, batch, random), random),
      async evaluate(trained) {
        const graph = new Graph('consistent-id');
        const losses = loss(graph, trained);
        for (const name of ['noise', 'facial'] as const) graph.output(`${name}_loss`, losses[name]);
        const random = new Random(seed, 'held out');
        const sums = { held_out_noise: 0, held_out_facial: 0 };
        const batches = inBatches(measured, batch).map((indices) => read(indices, random));
        await overBatches(graph, batches, ({ noise_loss: noise, facial_loss: facial }) => {
          sums.held_out_noise += Number(noise!.data[0]) / batches.length;
          sums.held_out_facial += Number(facial!.data[0]) / batches.length;
        });
        return sums;
      },
    };
  },
});

interface LossSettings extends z.output<typeof Model> {
  readonly batch: number;
  /** Of the pictures. */
  readonly side: number;
  readonly faceLength: number;
  /** Numbers that the image encoder says of a picture. */
  readonly features: number;
}

function lossOf(graph: Graph, weights: WeightSource, { batch, side, features, faceLength, ...model }: LossSettings) {
  const { sample, timestep, target } = noisyLatents(graph, weights, { vae: model.vae, noise: model.noise, batch, side });
  const length = model.text_encoder.max_position_embeddings;
  const ids = graph.input('input_ids', 'int64', [batch, length]);
  const width = model.image_encoder.hidden_size;
  const own = Scope.root(graph, weights, 'consistentid');
  return consistentIdLoss(
    {
      unet: Scope.root(graph, weights, 'unet'),
      adapter: own.at('adapter_modules'),
      facialEncoder: own.at('FacialEncoder'),
      projection: own.at('image_proj_model'),
    },
    {
      noisyLatents: sample,
      timesteps: timestep,
      target,
      promptEmbeds: architectures.clipText(Scope.root(graph, weights, 'text_encoder'), ids, model.text_encoder)['last_hidden_state']!,
      imageEmbeds: graph.input('image_embeds', 'float32', [batch, features / width, width]),
      regionEmbeds: graph.input('region_embeds', 'float32', [batch, slots, features / width, width]),
      faceEmbeds: graph.input('face_embeds', 'float32', [batch, faceLength]),
      tokenMask: graph.input('token_mask', 'bool', [batch, length]),
      tokenIndex: graph.input('token_index', 'int64', [batch, slots]),
      tokenPresent: graph.input('token_present', 'bool', [batch, slots]),
      regionMasks: graph.input('region_masks', 'float32', [batch, slots, maskSide, maskSide]),
      foregroundMasks: graph.input('foreground_masks', 'float32', [batch, 1, maskSide, maskSide]),
    },
    { ...model, adapter: { ...model.adapter, scale: 1 }, layers: middleAttentions(model.unet, model.hook) },
  );
}

/** Of the blocks that attend to anything the middle five: all their cross-attentions (`attn2`) or self-attentions (`attn1`). */
function middleAttentions(config: UNetConfig, hook: 'attn1' | 'attn2'): string[] {
  const paths = attentionPaths(config);
  const blockOf = (name: string) => name.split('.attentions.')[0]!;
  const order = (block: string) => ['down', 'mid', 'up'].findIndex((part) => block.startsWith(part));
  const blocks = [...new Set(paths.map(blockOf))].sort((a, b) => order(a) - order(b)); // stable: blocks of a kind keep their order
  const outer = Math.max(0, Math.ceil((blocks.length - 5) / 2));
  const middle = blocks.slice(outer, outer + 5);
  return paths.filter((name) => name.endsWith(hook) && middle.includes(blockOf(name)));
}

/** The attention over identity tokens begins as that over the text: `{i}.to_k_ip` and `{i}.to_v_ip` as the base's `to_k` and `to_v`. */
function copiedAttention(unet: WeightSource, config: UNetConfig): WeightSource {
  const copies = attentionPaths(config).flatMap((name, i) =>
    name.endsWith('attn2') ? ['k', 'v'].map((kind) => [`${name}.to_${kind}.weight`, `${i}.to_${kind}_ip.weight`] as const) : [],
  );
  const names = new Map<string, string>(copies);
  return renamed(unet, [...names.keys()], (key) => names.get(key)!);
}

/** The references of the person whom a picture shows. */
function byPerson(records: readonly FgidRecord[], isReference: (index: number) => boolean): (index: number) => readonly number[] {
  const personOf = (index: number) => records[index]!.more['identity'];
  const of = Map.groupBy([...records.keys()].filter(isReference), personOf);
  return (index) => (personOf(index) === undefined ? [] : (of.get(personOf(index)) ?? []));
}
