/** Around the face parser (BiSeNet): picture → pixel values, logits → label map. Reference: `parsing_face_mask` of ConsistentID. */
import { toPlanar, type Picture } from '../image/picture.ts';
import { resizePillow } from '../image/resize.ts';
import type { LabelMap } from './region-masks.ts';

export interface FaceParsingOptions {
  /** Side of the square input, 512 (SDXL pipeline: 1280). */
  readonly size?: number;
  readonly mean?: readonly [number, number, number];
  readonly std?: readonly [number, number, number];
}

/** float32 [3, size, size]; the aspect ratio is ignored. */
export function faceParsingPixels(
  picture: Picture,
  { size = 512, mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }: FaceParsingOptions = {},
): Float32Array {
  return toPlanar(resizePillow(picture, size, size, 'bilinear'), { scale: 1 / 255, mean, std });
}

/** Logits [classes, height, width] → the likeliest class of every pixel, the lowest on ties. */
export function labelMapOf(logits: Float32Array, classes: number, height: number, width: number): LabelMap {
  const area = height * width;
  const best = Float32Array.from(logits.subarray(0, area));
  const data = new Uint8Array(area);
  for (let c = 1; c < classes; c++) {
    for (let i = 0, p = c * area; i < area; i++, p++) {
      if (logits[p]! > best[i]!) {
        best[i] = logits[p]!;
        data[i] = c;
      }
    }
  }
  return { width, height, data };
}
