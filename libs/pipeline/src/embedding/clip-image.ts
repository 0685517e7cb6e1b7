/**
 * Picture → pixel values of a CLIP image encoder, as transformers' `CLIPImageProcessor` makes them (4.46.3 on Pillow 10.0.1).
 */
import { z } from 'zod';
import { cropPicture, toPlanar, toRgb, type Picture } from '../image/picture.ts';
import { resizePillow, type PillowFilter } from '../image/resize.ts';

const triple = z.tuple([z.number(), z.number(), z.number()]);
const exact = z.object({ height: z.int().positive(), width: z.int().positive() });
const side = z.int().positive();

/** Pillow's filter numbers. */
const filters: Record<1 | 2 | 3, PillowFilter> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/** `preprocessor_config.json`; a field that is absent has the processor's own default. */
export const ClipImageConfig = z.object({
  do_resize: z.boolean().default(true),
  size: z.union([exact, z.object({ shortest_edge: side }), side.transform((s) => ({ shortest_edge: s }))]).default({ shortest_edge: 224 }),
  resample: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(3),
  do_center_crop: z.boolean().default(true),
  crop_size: z.union([exact, side.transform((s) => ({ height: s, width: s }))]).default({ height: 224, width: 224 }),
  do_rescale: z.boolean().default(true),
  rescale_factor: z.number().default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: triple.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: triple.default([0.26862954, 0.26130258, 0.27577711]),
});
export type ClipImageConfig = z.infer<typeof ClipImageConfig>;

/** What `CLIPImageProcessor()` does when nothing is said: ConsistentID's choice. */
export const defaultClipImageConfig: ClipImageConfig = ClipImageConfig.parse({});

/** The same for an encoder that takes pictures of another size. */
export const clipImageConfigOf = (side: number): ClipImageConfig => ClipImageConfig.parse({ size: side, crop_size: side });

export interface ClipPixels {
  /** float32 [3, height, width], normalised. */
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

/** Resize, centre crop, normalise. With the defaults the result is [3, 224, 224] and the ends of the longer side are lost. */
export function clipPixels(picture: Picture, config: ClipImageConfig = defaultClipImageConfig): ClipPixels {
  let image = toRgb(picture);
  if (config.do_resize) {
    const [width, height] = targetSize(image, config.size);
    image = resizePillow(image, width, height, filters[config.resample]);
  }
  if (config.do_center_crop) image = centreCrop(image, config.crop_size.width, config.crop_size.height);
  const data = toPlanar(image, {
    scale: config.do_rescale ? config.rescale_factor : 1,
    mean: config.do_normalize ? config.image_mean : [0, 0, 0],
    std: config.do_normalize ? config.image_std : [1, 1, 1],
  });
  return { data, height: image.height, width: image.width };
}

function targetSize({ width, height }: Picture, size: ClipImageConfig['size']): [width: number, height: number] {
  if ('height' in size) return [size.width, size.height];
  const short = size.shortest_edge;
  const [shorter, longer] = width <= height ? [width, height] : [height, width];
  const long = Math.trunc((short * longer) / shorter);
  return width <= height ? [short, long] : [long, short];
}

/** A picture smaller than the crop lies on black with the larger half of the border before it. */
function centreCrop(picture: Picture, width: number, height: number): Picture {
  const offset = (from: number, to: number) => {
    if (to <= from) return Math.floor((from - to) / 2);
    return -Math.ceil((to - from) / 2);
  };
  return cropPicture(picture, offset(picture.width, width), offset(picture.height, height), width, height);
}
