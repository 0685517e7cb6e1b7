/** The tiny model set as Stable Diffusion 1.x was first published: one state dict under the names of CompVis/stable-diffusion. */
import type { StoredArray, Tensors, TinyWeights } from './tiny-weights.ts';

/** What the modules of the tiny UNet are called there, in the order in which they are run. */
const unetBlocks: Readonly<Record<string, string>> = {
  conv_in: 'input_blocks.0.0',
  'down_blocks.0.resnets.0': 'input_blocks.1.0',
  'down_blocks.0.attentions.0': 'input_blocks.1.1',
  'down_blocks.0.downsamplers.0.conv': 'input_blocks.2.0.op',
  'down_blocks.1.resnets.0': 'input_blocks.3.0',
  'mid_block.resnets.0': 'middle_block.0',
  'mid_block.attentions.0': 'middle_block.1',
  'mid_block.resnets.1': 'middle_block.2',
  'up_blocks.0.resnets.0': 'output_blocks.0.0',
  'up_blocks.0.resnets.1': 'output_blocks.1.0',
  'up_blocks.0.upsamplers.0.conv': 'output_blocks.1.1.conv',
  'up_blocks.1.resnets.0': 'output_blocks.2.0',
  'up_blocks.1.attentions.0': 'output_blocks.2.1',
  'up_blocks.1.resnets.1': 'output_blocks.3.0',
  'up_blocks.1.attentions.1': 'output_blocks.3.1',
  conv_norm_out: 'out.0',
  conv_out: 'out.2',
  'time_embedding.linear_1': 'time_embed.0',
  'time_embedding.linear_2': 'time_embed.2',
};
const unetLayers: Readonly<Record<string, string>> = {
  norm1: 'in_layers.0',
  conv1: 'in_layers.2',
  time_emb_proj: 'emb_layers.1',
  norm2: 'out_layers.0',
  conv2: 'out_layers.3',
  conv_shortcut: 'skip_connection',
};

function unetName(key: string): string {
  const block = Object.keys(unetBlocks).find((name) => key.startsWith(`${name}.`));
  if (block === undefined) throw new Error(`"${key}" has no place in the tiny UNet.`);
  const rest = key.slice(block.length + 1);
  const layer = rest.split('.')[0]!;
  const inside = block.includes('resnets') ? rest.replace(layer, unetLayers[layer]!) : rest;
  return `model.diffusion_model.${unetBlocks[block]!}.${inside}`;
}

const attentionNames: Readonly<Record<string, string>> = { group_norm: 'norm', to_q: 'q', to_k: 'k', to_v: 'v', 'to_out.0': 'proj_out' };

function vaeName(key: string): string {
  const name = key
    .replace(/down_blocks\.(\d)\.resnets/, 'down.$1.block')
    .replace(/down_blocks\.(\d)\.downsamplers\.0/, 'down.$1.downsample')
    .replace(/up_blocks\.(\d)\.resnets/, (_, i: string) => `up.${3 - Number(i)}.block`)
    .replace(/up_blocks\.(\d)\.upsamplers\.0/, (_, i: string) => `up.${3 - Number(i)}.upsample`)
    .replace('mid_block.resnets.0', 'mid.block_1')
    .replace('mid_block.resnets.1', 'mid.block_2')
    .replace(/mid_block\.attentions\.0\.(group_norm|to_q|to_k|to_v|to_out\.0)/, (_, part: string) => `mid.attn_1.${attentionNames[part]!}`)
    .replace('conv_shortcut', 'nin_shortcut')
    .replace('conv_norm_out', 'norm_out');
  return `first_stage_model.${name}`;
}

/** The attention's products are convolutions there. */
const asConvolution = (key: string, tensor: StoredArray): StoredArray =>
  /attentions\.0\.to_.*\.weight$/.test(key) ? { ...tensor, shape: [...tensor.shape, 1, 1] } : tensor;

export const ldmFile = ({ unet, vae, text_encoder: text }: TinyWeights): Tensors =>
  new Map([
    ...[...unet].map(([key, tensor]) => [unetName(key), tensor] as const),
    ...[...vae].map(([key, tensor]) => [vaeName(key), asConvolution(key, tensor)] as const),
    ...[...text].map(([key, tensor]) => [`cond_stage_model.transformer.${key}`, tensor] as const),
    ['alphas_cumprod', { shape: [2], values: Float32Array.of(1, 0.5) }],
    ['model_ema.decay', { shape: [], values: Float32Array.of(0.5) }],
  ]);
