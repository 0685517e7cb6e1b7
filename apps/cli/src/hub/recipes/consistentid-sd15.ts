import type { z } from 'zod';
import type { Recipe } from '../recipe.ts';

const buffalo = 'https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip';

/** The two spellings of a network's weights: safetensors before a pickle. */
const diffusers = (folder: string) => [
  `${folder}/config.json`,
  { path: [`${folder}/diffusion_pytorch_model.safetensors`, `${folder}/diffusion_pytorch_model.bin`] },
];

/**
 * The set with which ConsistentID's own demo runs (JackAILab/ConsistentID e234008, infer.py). Files of the hub are held to the hashes that
 * the hub itself states; those of insightface to the ones of its release v0.7.
 */
export const consistentIdSd15 = {
  name: 'consistentid-sd15',
  title: 'ConsistentID v1 on Realistic Vision 6.0 B1 (Stable Diffusion 1.5)',
  licence: 'CreativeML Open RAIL-M, MIT; face models: non-commercial research only',
  licences: [
    {
      of: 'Realistic Vision V6.0 B1 (SG161222/Realistic_Vision_V6.0_B1_noVAE), a Stable Diffusion 1.5',
      licence: 'CreativeML Open RAIL-M',
      url: 'https://huggingface.co/spaces/CompVis/stable-diffusion-license',
    },
    {
      of: 'CLIP ViT-H/14 (laion/CLIP-ViT-H-14-laion2B-s32B-b79K)',
      licence: 'MIT',
      url: 'https://huggingface.co/laion/CLIP-ViT-H-14-laion2B-s32B-b79K',
    },
    {
      of: 'ConsistentID v1 and face_parsing.pth (JackAILab/ConsistentID)',
      licence: 'MIT',
      url: 'https://huggingface.co/JackAILab/ConsistentID',
    },
    {
      of: 'buffalo_l: det_10g.onnx and w600k_r50.onnx (deepinsight/insightface)',
      licence: 'non-commercial research only',
      url: 'https://github.com/deepinsight/insightface#license',
      restriction: 'The face models may be used for non-commercial research only.',
    },
  ],
  parts: {
    base: {
      repo: 'SG161222/Realistic_Vision_V6.0_B1_noVAE',
      files: [
        'model_index.json',
        'scheduler/scheduler_config.json',
        { path: 'tokenizer/vocab.json' },
        { path: 'tokenizer/merges.txt' },
        'text_encoder/config.json',
        { path: ['text_encoder/model.safetensors', 'text_encoder/pytorch_model.bin'] },
        ...diffusers('unet'),
        ...diffusers('vae'),
      ],
    },
    imageEncoder: {
      repo: 'laion/CLIP-ViT-H-14-laion2B-s32B-b79K',
      files: ['config.json', { path: ['model.safetensors', 'pytorch_model.bin'] }],
    },
    adapter: { repo: 'JackAILab/ConsistentID', files: ['ConsistentID-v1.bin'], at: 'ConsistentID-v1.bin' },
    parser: { repo: 'JackAILab/ConsistentID', files: ['face_parsing.pth'], at: 'face_parsing.pth' },
    detector: { archive: buffalo, member: 'det_10g.onnx', sha256: '5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91' },
    recognizer: { archive: buffalo, member: 'w600k_r50.onnx', sha256: '4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43' },
  },
  archives: {
    [buffalo]: { bytes: 288_621_354, sha256: '80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f' },
  },
} satisfies z.input<typeof Recipe>;
