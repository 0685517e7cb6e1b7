/** What training leaves of a pack for pictures of 128 × 128, before it is trained: weights by the hash rule, in files of float32, and the draft of a manifest. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  autoencoderConfig,
  bisenetConfig,
  clipTextConfig,
  clipTextGraph,
  clipVisionConfig,
  clipVisionGraph,
  faceDetectionGraph,
  faceParsingGraph,
  faceRecognitionGraph,
  facialEncoderConfig,
  fuseGraph,
  identityProjectionConfig,
  identityProjectionGraph,
  iresnetConfig,
  scrfdConfig,
  unetConfig,
  unetGraph,
  vaeDecoderGraph,
  vaeEncoderGraph,
  visualProjectionGraph,
} from '@likeness/models';
import { buildVocabulary, markerVariants, vocabularyFiles } from '@likeness/pipeline';
import { below, Recorder, recorded, type Tensors } from './tiny-weights.ts';
import { writeSafetensors } from './weight-files.ts';

const vocabulary = buildVocabulary(
  ['A man wearing a santa hat', 'A woman in the snow', markerVariants.sd15.caption, markerVariants.sd15.detail].flatMap((text) => [
    text,
    text,
  ]),
  1024,
);

const text = {
  architectures: ['CLIPTextModelWithProjection'],
  hidden_act: 'quick_gelu',
  hidden_size: 128,
  intermediate_size: 512,
  num_attention_heads: 4,
  num_hidden_layers: 2,
  vocab_size: vocabulary.ids.size,
  eos_token_id: vocabulary.ids.size - 1,
  bos_token_id: vocabulary.ids.size - 2,
  projection_dim: 128,
};
const image = {
  hidden_act: 'gelu',
  hidden_size: 192,
  intermediate_size: 768,
  num_attention_heads: 6,
  num_hidden_layers: 5,
  image_size: 64,
  patch_size: 8,
  projection_dim: 128,
};
const unet = {
  _class_name: 'UNet2DConditionModel',
  sample_size: 16,
  in_channels: 8,
  out_channels: 8,
  block_out_channels: [64, 128, 192],
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  cross_attention_dim: 128,
};
const vae = {
  _class_name: 'AutoencoderPatch',
  latents_mean: [0.4, 0, 0, 0, 0, 0, 0, 0],
  latents_std: [2, 1.5, 1.4, 1.2, 1, 0.9, 0.8, 0.6],
};
const scheduler = {
  _class_name: 'DDIMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  prediction_type: 'v_prediction',
  rescale_betas_zero_snr: true,
  timestep_spacing: 'trailing',
  clip_sample: false,
};

const size = { height: 16, width: 16 };
const patches = (64 / 8) ** 2 + 1;
const width = { cross_attention_dim: 128 };
const features = 256;
const facial = facialEncoderConfig({ embedding_dim: 192, output_dim: 128, embed_dim: 128, dim: 192, depth: 2, heads: 3 });
const projection = identityProjectionConfig({ ...width, clip_embeddings_dim: 192, id_embeddings_dim: features, depth: 2 });
const bisenet = bisenetConfig({ stem_width: 16, widths: [16, 32, 64, 96], context_width: 32, fusion_width: 64, head_width: 64 });
const iresnet = iresnetConfig({ stem_width: 24, widths: [32, 64, 96, 128], layers: [1, 2, 2, 1], num_features: features });
const scrfd = scrfdConfig({
  stem_width: 8,
  widths: [16, 24, 32, 48],
  layers: [1, 1, 1, 1],
  neck_width: 24,
  head_width: 24,
  head_layers: 1,
  anchors: 1,
});

/** Every file of float32, by the name it gets. */
function components(): Record<string, Tensors> {
  const adapters = new Recorder(5);
  const adapter = { weights: adapters.source, config: { rank: 8, tokens: 4, lora_scale: 1 } };
  const prompt = { ...size, tokens: 81, adapter };
  return {
    unet: recorded(32, 1, (w) => unetGraph(w, unetConfig(unet), prompt)),
    vae: recorded(
      63,
      0.8,
      (w) => vaeDecoderGraph(w, autoencoderConfig(vae), size),
      (w) => vaeEncoderGraph(w, autoencoderConfig(vae), { height: 128, width: 128 }),
    ),
    text_encoder: recorded(1, 1, (w) => clipTextGraph(w, clipTextConfig(text))),
    image_encoder: recorded(4, 1, (w) => clipVisionGraph(w, clipVisionConfig(image))),
    consistentid: new Map([
      ...below(
        'FacialEncoder',
        recorded(
          6,
          1,
          (w) => visualProjectionGraph(w, facial, { regions: 1, patches }),
          (w) => fuseGraph(w, facial),
        ),
      ),
      ...below(
        'image_proj',
        recorded(7, 1, (w) => identityProjectionGraph(w, projection, { patches })),
      ),
      ...below('adapter_modules', adapters.tensors),
    ]),
    parser: recorded(8, 1.6, (w) => faceParsingGraph(w, bisenet, { height: 128, width: 128 })),
    detector: recorded(9, 1, (w) => faceDetectionGraph(w, scrfd, { size: 128 })),
    recognizer: recorded(10, 1, (w) => faceRecognitionGraph(w, iresnet)),
  };
}

/** Writes all into `folder`; the path of the draft. `detector` false: the pack has none. */
export async function writeNanoDraft(folder: string, { detector = true } = {}): Promise<string> {
  await mkdir(join(folder, 'tokenizer'), { recursive: true });
  for (const [name, tensors] of Object.entries(components()))
    await writeSafetensors(join(folder, `${name}.safetensors`), tensors, () => 'F32');
  for (const [name, content] of Object.entries(vocabularyFiles(vocabulary))) await writeFile(join(folder, 'tokenizer', name), content);
  await writeFile(join(folder, 'README.md'), '# Nobody yet\n\n<!-- networks -->\n');
  await writeFile(join(folder, 'LICENSE'), 'Apache-2.0\n');
  const file = (name: string) => ({ file: `${name}.safetensors` });
  const draft = join(folder, 'draft.json');
  await writeFile(
    draft,
    JSON.stringify({
      name: 'nano-shaped',
      version: '1',
      title: 'Pictures of 128 × 128',
      licence: 'Apache-2.0',
      trained: false,
      pipeline: 'consistentid-sd15',
      sizes: [[128, 128]],
      defaults: { width: 128, height: 128, steps: 50, scheduler: 'ddim', guidance_scale: 3, merge_step: 0.6 },
      text_encoder: { config: text, ...file('text_encoder') },
      tokenizer: 'tokenizer',
      unet: { config: unet, ...file('unet') },
      vae: { config: vae, ...file('vae') },
      scheduler,
      image_encoder: { config: image, ...file('image_encoder') },
      consistentid: file('consistentid'),
      parser: file('parser'),
      parser_size: 128,
      detector: detector ? file('detector') : null,
      detector_size: 128,
      recognizer: file('recognizer'),
      face_channel_order: 'bgr',
    }),
  );
  return draft;
}
