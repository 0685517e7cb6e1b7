/** A quick look at a picture in the making, without the decoder. */
import type { LatentColours } from '@likeness/models';
import { blankPicture, type Picture } from '../image/picture.ts';
import { resizePillow } from '../image/resize.ts';
import type { FloatTensor } from '../safetensors.ts';

/** What each latent channel of SD1.5 contributes to red, green and blue: a linear fit to the decoder that is in common use. */
const sd15Colours: LatentColours = {
  weights: [
    [0.298, 0.207, 0.208],
    [0.187, 0.286, 0.173],
    [-0.158, 0.189, 0.264],
    [-0.184, -0.271, -0.473],
  ],
  bias: [0, 0, 0],
};

/** Pixels per latent along a side: an eighth of the picture is too small to look at. */
const ENLARGEMENT = 4;

/**
 * Latents [1, z, h, w] → an RGB picture of 4w × 4h. Latents that are still noise are scaled to unit variance first. Without colours, which
 * an autoencoder of another kind than SD1.5's should bring, further channels than its four are not looked at.
 */
export function previewPicture({ dims, data }: FloatTensor, colours: LatentColours | null = null): Picture {
  const { weights, bias } = colours ?? sd15Colours;
  const [, channels = 0, height = 0, width = 0] = dims;
  const area = height * width;
  const spread = Math.max(1, Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length));
  const small = blankPicture(width, height);
  for (let i = 0; i < area; i++) {
    for (let colour = 0; colour < 3; colour++) {
      let value = bias[colour]!;
      for (let c = 0; c < Math.min(channels, weights.length); c++) value += (data[c * area + i]! / spread) * weights[c]![colour]!;
      small.data[3 * i + colour] = Math.round(Math.min(Math.max(value / 2 + 0.5, 0), 1) * 255);
    }
  }
  return resizePillow(small, width * ENLARGEMENT, height * ENLARGEMENT, 'bicubic');
}
