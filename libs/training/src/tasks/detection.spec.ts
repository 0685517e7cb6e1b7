import { describe, expect, it } from 'vitest';
import { anyPlace, faceBox, moved, placed, shuffledFace, withoutPerson } from '../data/face-scenes.ts';
import { Random } from '../random.ts';
import { anchorTargets } from './anchor-targets.ts';

const face = (left: number, top: number, right: number, bottom: number) => ({
  box: [left, top, right, bottom] as const,
  landmarks: [0.3, 0.4, 0.7, 0.4, 0.5, 0.6, 0.35, 0.8, 0.65, 0.8].map((share, i) =>
    i % 2 === 0 ? left + share * (right - left) : top + share * (bottom - top),
  ),
});

describe('anchorTargets', () => {
  const size = 64;
  /** Rows of strides 8, 16, 32 for two pictures and two anchors. */
  const [of8, of16] = [8 * 8 * 2 * 2, 4 * 4 * 2 * 2];

  it('lets the cells in the middle of a face answer, in the stride of its size', () => {
    const { scores } = anchorTargets([undefined, face(8, 12, 56, 60)], size, 2); // 48 pixels: stride 16
    const rows = Array.from(scores.entries()).filter(([, score]) => score === 1).map(([row]) => row); // prettier-ignore
    // The middle is (32, 36) ± 8: of the centres at multiples of 16 only (32, 32) is in, the cell of column 2, row 2.
    const cell = of8 + (16 + 2 * 4 + 2) * 2;
    expect(rows).toEqual([cell, cell + 1]);
  });

  it('gives box and landmarks from the centre of the cell, in strides', () => {
    const target = face(20, 30, 40, 52); // 22 pixels: stride 8
    const { scores, boxes, points, sides } = anchorTargets([target], size, 1);
    const row = scores.indexOf(1);
    expect(row).toBeLessThan(64);
    const [x, y] = [(row % 8) * 8, Math.floor(row / 8) * 8];
    const box = boxes.subarray(4 * row, 4 * row + 4);
    expect([x - 8 * box[0]!, y - 8 * box[1]!, x + 8 * box[2]!, y + 8 * box[3]!]).toEqual([20, 30, 40, 52]);
    const landmarks = Array.from(points.subarray(10 * row, 10 * row + 10), (p, i) => 8 * p + (i % 2 === 0 ? x : y));
    for (const [i, place] of target.landmarks.entries()) expect(landmarks[i]).toBeCloseTo(place, 4);
    expect(sides[row]).toBeCloseTo(22 / 8);
  });

  it('finds a cell for a face between the cells and over the edge, and none for no face', () => {
    for (const target of [face(41, 41, 46, 46), face(-10, -10, 20, 20)])
      expect(anchorTargets([target], size, 1).scores.reduce((sum, x) => sum + x)).toBeGreaterThan(0);
    expect(anchorTargets([undefined], size, 1).scores).toEqual(new Float32Array(64 + 16 + 4));
    expect(of16).toBe(64);
  });
});

describe('scenes for a detector', () => {
  const size = 32;
  /** A gradient with a person of one colour in it, whose face is a square. */
  const labels = new Uint8Array(size * size);
  const pixels = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i++) {
    const [x, y] = [i % size, Math.floor(i / size)];
    labels[i] = x >= 10 && x < 22 && y >= 8 ? (y < 20 ? 1 : 16) : 0;
    pixels.set(labels[i] === 0 ? [x * 7, y * 7, 200] : [255, 0, x * y], i * 3);
  }
  const picture = { size, pixels, labels };

  it('finds the box of the face', () => {
    expect(faceBox(picture)).toEqual([10, 8, 22, 20]);
    expect(faceBox({ size, labels: new Uint8Array(size * size) })).toBeUndefined();
  });

  it('puts the picture where its landmarks go', () => {
    const random = new Random(4);
    const place = anyPlace(size, random);
    const shown = placed(pixels, size, place, [1, 2, 3]);
    const [u, v] = moved(place, 16, 14);
    const at = (Math.round(v - 0.5) * size + Math.round(u - 0.5)) * 3;
    expect(Array.from(shown.subarray(at, at + 2))).toEqual([255, 0]);
    expect(Array.from(placed(pixels, size, { a: 0.2, b: 0, c: 0, d: 0 }, [1, 2, 3]).subarray(-3))).toEqual([1, 2, 3]);
    expect(placed(pixels, size, { a: 1, b: 0, c: 0, d: 0 }, [0, 0, 0]).subarray(0, 31 * 3)).toEqual(pixels.subarray(0, 31 * 3));
  });

  it('takes the person away and keeps the scene', () => {
    const empty = withoutPerson(picture);
    for (let i = 0; i < size * size; i++) {
      expect(empty[3 * i + 2]).toBe(200);
      if (labels[i] === 0) expect(empty.subarray(3 * i, 3 * i + 3)).toEqual(pixels.subarray(3 * i, 3 * i + 3));
    }
  });

  it('makes a face none by moving its blocks', () => {
    const shuffled = shuffledFace(picture, [10, 8, 22, 20], new Random(5));
    expect(shuffled).not.toEqual(pixels);
    for (let i = 0; i < size * size; i++)
      if (labels[i] !== 1) expect(shuffled.subarray(3 * i, 3 * i + 3)).toEqual(pixels.subarray(3 * i, 3 * i + 3));
  });
});
