import { PipelineError } from '../errors.ts';

/** An 8-bit picture: `data` is [height, width, channels], row-major; 1 channel is grey, 3 are RGB. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/** A black picture. */
export const blankPicture = (width: number, height: number, channels: 1 | 3 = 3): Picture => ({
  width,
  height,
  channels,
  data: new Uint8Array(width * height * channels),
});

/** Grey repeated three times; RGB as it is. */
export function toRgb(picture: Picture): Picture {
  if (picture.channels === 3) return picture;
  const rgb = blankPicture(picture.width, picture.height);
  for (let i = 0; i < picture.data.length; i++) rgb.data.fill(picture.data[i]!, i * 3, i * 3 + 3);
  return rgb;
}

/** Red and blue exchanged: what a library that expects BGR sees when it is handed RGB. */
export function swapRedBlue(picture: Picture): Picture {
  const data = Uint8Array.from(picture.data);
  for (let i = 0; i + 2 < data.length; i += picture.channels) {
    data[i] = picture.data[i + 2]!;
    data[i + 2] = picture.data[i]!;
  }
  return { ...picture, data };
}

/** The part of the picture at (left, top); what lies outside the picture is black. */
/** Black on either side of the shorter axis; the odd pixel comes after. */
export function padToSquare(picture: Picture): Picture {
  const { width, height } = picture;
  const side = Math.max(width, height);
  return cropPicture(picture, -Math.floor((side - width) / 2), -Math.floor((side - height) / 2), side, side);
}

export function cropPicture(picture: Picture, left: number, top: number, width: number, height: number): Picture {
  const { channels } = picture;
  const crop = blankPicture(width, height, channels);
  const [x0, x1] = [Math.max(0, left), Math.min(picture.width, left + width)];
  for (let y = Math.max(0, top); y < Math.min(picture.height, top + height) && x0 < x1; y++) {
    const row = picture.data.subarray((y * picture.width + x0) * channels, (y * picture.width + x1) * channels);
    crop.data.set(row, ((y - top) * width + x0 - left) * channels);
  }
  return crop;
}

/** Per-channel affine normalisation: value = (pixel · scale − mean) / std. */
export interface Normalization {
  readonly scale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** RGB picture → float32 [3, height, width] (planar). Every value is computed in float64 from a table of the 256 grey levels. */
export function toPlanar(picture: Picture, { scale, mean, std }: Normalization): Float32Array {
  if (picture.channels !== 3) throw new PipelineError('invalid_argument', `An RGB picture is needed, got ${picture.channels} channel(s).`);
  const area = picture.width * picture.height;
  const planar = new Float32Array(3 * area); // [3, h, w]
  for (let c = 0; c < 3; c++) {
    const level = Float32Array.from({ length: 256 }, (_, v) => (v * scale - mean[c]!) / std[c]!);
    for (let i = 0, p = c; i < area; i++, p += 3) planar[c * area + i] = level[picture.data[p]!]!;
  }
  return planar;
}
