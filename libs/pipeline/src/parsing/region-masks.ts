/**
 * Label map → the pictures of single facial regions that the fine-grained encoder sees.
 *
 * Reference: JackAILab/ConsistentID e234008, `get_prepare_facemask`, `masks_for_unique_values`, `fetch_mask_raw_image`.
 */
import { PipelineError } from '../errors.ts';
import { blankPicture, type Picture } from '../image/picture.ts';
import { resizePillow } from '../image/resize.ts';
import { regionClasses, regionNames, type RegionName } from './regions.ts';

/** Class id per pixel, row-major. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface Region {
  readonly name: RegionName;
  /** Grey, 0 or 255, of the label map's size. */
  readonly mask: Picture;
  /** RGB, of the picture's size: the region with soft edges on black. */
  readonly image: Picture;
}

export interface RegionOptions {
  /** What stands for a pair of eyes, ears or lips: the first one present, or both together under the first one's name. */
  readonly pairs?: 'first' | 'union';
}

/** At most five regions in ascending class order: face, eye, ear, nose, lip. */
export function extractRegions(labels: LabelMap, picture: Picture, { pairs = 'first' }: RegionOptions = {}): Region[] {
  return regionsInView(labels).map((name) => {
    const names = pairs === 'union' ? regionNames.filter((other) => partOf(other) === partOf(name)) : [name];
    const mask = filledMask(labels, ...names.map((each) => regionClasses[each]));
    return { name, mask, image: compositeOnBlack(picture, mask) };
  });
}

/** Of the two eyes, ears and lips only the first one present counts; a single pixel is enough. */
export function regionsInView(labels: LabelMap): RegionName[] {
  const present = new Set(labels.data);
  const taken = new Set<string>();
  return regionNames.filter((name) => {
    const part = partOf(name);
    if (!present.has(regionClasses[name]) || taken.has(part)) return false;
    taken.add(part);
    return true;
  });
}

/** Left_Eye and Right_Eye are both an Eye. */
const partOf = (name: RegionName): string => name.split('_').at(-1)!;

/**
 * White wherever the outside of the map cannot be reached by steps to the four neighbours without crossing the classes: their holes,
 * and whatever lies in them, are filled. The same as filling OpenCV's outer contours.
 */
export function filledMask({ width, height, data }: LabelMap, ...classIds: readonly number[]): Picture {
  const isInside = Array.from({ length: 256 }, (_, label) => classIds.includes(label));
  const mask = new Uint8Array(width * height).fill(255);
  const open: number[] = [];
  const reach = (i: number) => {
    if (mask[i] === 0 || isInside[data[i]!]) return;
    mask[i] = 0;
    open.push(i);
  };
  for (let x = 0; x < width; x++) {
    reach(x);
    reach((height - 1) * width + x);
  }
  for (let y = 0; y < height; y++) {
    reach(y * width);
    reach(y * width + width - 1);
  }
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    const x = i % width;
    if (x > 0) reach(i - 1);
    if (x < width - 1) reach(i + 1);
    if (i >= width) reach(i - width);
    if (i < data.length - width) reach(i + width);
  }
  return { width, height, channels: 1, data: mask };
}

/** Pillow's `Image.composite` with black, the mask first brought to the picture's size by bicubic interpolation. */
export function compositeOnBlack(picture: Picture, mask: Picture): Picture {
  if (picture.channels !== 3) throw new PipelineError('invalid_argument', `An RGB picture is needed, got ${picture.channels} channel(s).`);
  const soft = resizePillow(mask, picture.width, picture.height, 'bicubic').data;
  const out = blankPicture(picture.width, picture.height);
  for (let i = 0; i < soft.length; i++) {
    const weight = soft[i]!;
    for (let p = 3 * i; p < 3 * i + 3; p++) {
      const t = picture.data[p]! * weight + 128;
      out.data[p] = ((t >> 8) + t) >> 8; // t / 255, rounded
    }
  }
  return out;
}
