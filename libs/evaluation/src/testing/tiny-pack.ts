/** Packs with every network that an evaluation can use, so small that a picture takes a tenth of a second, and none of them trained. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifest, type ConsistentIdManifest, type DrawnSource } from '@likeness/models';
import { identityVectorNames } from '@likeness/portraits';

/** The pack `sketch` on 64 × 64 pictures, with an image-text encoder and an attribute regressor. `unet` decides its weights; with `detector`, it has one. */
export async function writeTinyPack(folder: string, name: string, { unet = 32, detector = false } = {}): Promise<void> {
  const { manifest } = await readManifest('sketch');
  if (manifest.pipeline === 'noop') throw new TypeError('The pack sketch is not what it was.');
  const { text_encoder: text, image_encoder: vision } = manifest as ConsistentIdManifest &
    Record<'text_encoder' | 'image_encoder', DrawnSource>;
  const faces = { stem_width: 8, widths: [8, 8, 16, 16], layers: [1, 1, 1, 1] };
  const tiny = {
    ...manifest,
    name,
    sizes: [[64, 64]],
    defaults: { ...manifest.defaults, width: 64, height: 64 },
    text_encoder: { ...text, config: { ...text.config, architectures: ['CLIPTextModelWithProjection'], projection_dim: 24 } },
    unet: { ...manifest.unet, weights: { hash: unet, gain: 8 } },
    image_encoder: { ...vision, config: { ...vision.config, image_size: 64, patch_size: 16 } },
    parser: { config: { ...faces, context_width: 16, fusion_width: 16, head_width: 16 }, weights: { hash: 6, gain: 1.6 } },
    parser_size: 64,
    ...(detector && {
      detector: { config: { ...faces, neck_width: 16, head_width: 16, head_layers: 1 }, weights: { hash: 11 } },
      detector_size: 64,
    }),
    recognizer: { config: { ...faces, num_features: 32 }, weights: { hash: 7, prelu: ['prelu'] } },
    attribute_regressor: { config: { ...faces, num_features: identityVectorNames.length }, weights: { hash: 9, prelu: ['prelu'] } },
  };
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'pack.json'), JSON.stringify(tiny));
}
