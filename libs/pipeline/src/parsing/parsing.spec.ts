import { describe, expect, it } from 'vitest';
import type { Picture } from '../image/picture.ts';
import { alignFace, alignmentMatrix, warpAffine } from './face-alignment.ts';
import { normalized, recognitionScaling } from './face-analysis.ts';
import { decodeFaces, detectionInput } from './face-detection.ts';
import { labelMapOf } from './face-parsing.ts';
import { onnxNodeNames } from './onnx-nodes.ts';
import { compositeOnBlack, extractRegions, filledMask, regionsInView } from './region-masks.ts';

const flat = (width: number, height: number, rgb: readonly [number, number, number]): Picture => ({
  width,
  height,
  channels: 3,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => rgb[i % 3]!),
});

/** A label map drawn with digits and letters (base 36). */
const map = (...rows: string[]) => ({
  width: rows[0]!.length,
  height: rows.length,
  data: Uint8Array.from(rows.join(''), (char) => Number.parseInt(char, 36)),
});
const drawn = ({ width, data }: Picture) =>
  Array.from({ length: data.length / width }, (_, y) =>
    [...data.subarray(y * width, (y + 1) * width)].map((v) => (v ? '#' : '.')).join(''),
  );

describe('regions', () => {
  it('takes the first of each pair, in class order', () => {
    expect(regionsInView(map('d8', '51'))).toEqual(['Face', 'Right_Eye', 'Right_Ear', 'Lower_Lip']);
    expect(regionsInView(map('cd', '54', '78', 'a0'))).toEqual(['Left_Eye', 'Left_Ear', 'Nose', 'Upper_Lip']);
    expect(regionsInView(map('0b', '26'))).toEqual([]);
  });

  it('fills what the outside cannot reach by the four neighbours', () => {
    expect(drawn(filledMask(map('00000', '01110', '01410', '01110', '00000'), 1))).toEqual(['.....', '.###.', '.###.', '.###.', '.....']);
    expect(drawn(filledMask(map('0010', '0101', '0010', '0000'), 1))).toEqual(['..#.', '.###', '..#.', '....']); // corners that touch close a ring
    expect(drawn(filledMask(map('111', '101', '101'), 1))).toEqual(['###', '#.#', '#.#']); // open to the border
  });

  it('lays a region on black with soft edges, in the picture’s size', () => {
    const [face] = extractRegions(map('11', '00'), flat(8, 8, [255, 100, 0]));
    expect([face?.name, face?.mask.width, face?.image.width]).toEqual(['Face', 2, 8]);
    const reds = Array.from({ length: 8 }, (_, y) => face!.image.data[y * 8 * 3]!);
    expect(reds[0]).toBe(255);
    expect(reds[7]).toBe(0);
    expect(reds[3]! > reds[4]! && reds[4]! > 0).toBe(true);
  });

  it('joins both of a pair where that is asked for', () => {
    const masks = (pairs: 'first' | 'union') =>
      extractRegions(map('40508', '00000'), flat(5, 2, [9, 9, 9]), { pairs }).map(({ name, mask }) => [name, ...drawn(mask)]);
    expect(masks('first')).toEqual([
      ['Left_Eye', '#....', '.....'],
      ['Right_Ear', '....#', '.....'],
    ]);
    expect(masks('union')).toEqual([
      ['Left_Eye', '#.#..', '.....'],
      ['Right_Ear', '....#', '.....'],
    ]);
  });

  it('divides by 255 with rounding', () => {
    const { data } = compositeOnBlack(flat(1, 1, [255, 1, 200]), { width: 1, height: 1, channels: 1, data: Uint8Array.of(128) });
    expect([...data]).toEqual([128, 1, 100]);
  });
});

it('labelMapOf takes the lowest class on ties', () => {
  expect([...labelMapOf(Float32Array.of(1, 0, 1, 5, 0, 5), 3, 1, 2).data]).toEqual([0, 1]);
});

describe('face detection', () => {
  it('fits the picture in at the top left, black below', () => {
    const { blob, scale } = detectionInput(flat(20, 10, [255, 0, 0]), { size: [32, 32], channelOrder: 'bgr' });
    expect(scale).toBe(1.6);
    const [red, blue] = [blob.subarray(0, 1024), blob.subarray(2048)];
    expect([red[0], red[16 * 32 - 1], red[16 * 32], blue[0]]).toEqual([0.99609375, 0.99609375, -0.99609375, -0.99609375]);
  });

  it('exchanges red and blue as ConsistentID’s SD1.5 pipeline does', () => {
    const { blob } = detectionInput(flat(20, 10, [255, 0, 0]), { size: [32, 32], channelOrder: 'reference' });
    expect([blob[0], blob[2048]]).toEqual([-0.99609375, 0.99609375]);
  });

  /** Outputs of a 32 × 32 detector: 32, 8 and 2 rows; `faces` sets rows of the finest stride. */
  const outputs = (...faces: { row: number; score: number; box: number[] }[]) => {
    const make = (values: number) => [32, 8, 2].map((rows) => ({ dims: [rows, values], data: new Float32Array(rows * values) }));
    const [scores, boxes, landmarks] = [make(1), make(4), make(10)];
    for (const { row, score, box } of faces) {
      scores[0]!.data[row] = score;
      boxes[0]!.data.set(box, 4 * row);
      landmarks[0]!.data.fill(1, 10 * row, 10 * row + 10);
    }
    return [...scores, ...boxes, ...landmarks];
  };
  const size = { width: 32, height: 32, scale: 0.5 };

  it('reads distances in strides from the cell’s corner, in picture pixels', () => {
    const [face, ...others] = decodeFaces(outputs({ row: 11, score: 0.5, box: [1, 1, 1, 2] }), size); // cell 5: column 1, row 1
    expect(others).toEqual([]);
    expect(face).toMatchObject({ box: [0, 0, 32, 48], score: 0.5 });
    expect([...face!.landmarks]).toEqual([32, 32, 32, 32, 32, 32, 32, 32, 32, 32]);
  });

  it('keeps a score that is the threshold, in the scores’ own float32', () => {
    for (const score of [0.3, 0.7, 0.9]) {
      const found = outputs({ row: 11, score, box: [1, 1, 1, 2] });
      expect(decodeFaces(found, { ...size, scoreThreshold: score })).toHaveLength(1);
      expect(decodeFaces(found, { ...size, scoreThreshold: score + 1e-6 })).toHaveLength(0);
    }
  });

  it('takes the outputs of a detector of five strides with one anchor, in any order', () => {
    const make = (values: number) =>
      [256, 64, 16, 4, 1].map((rows) => ({ dims: [1, rows, values], data: new Float32Array(rows * values) }));
    const [scores, boxes, landmarks] = [make(1), make(4), make(10)];
    scores[4]!.data[0] = 0.9; // one cell of 128 pixels
    boxes[4]!.data.fill(0.5);
    const [face, ...others] = decodeFaces([...landmarks.toReversed(), ...scores, ...boxes.toReversed()], {
      width: 128,
      height: 128,
      scale: 1,
    });
    expect([face!.box, others]).toEqual([[-64, -64, 64, 64], []]);
  });

  it('refuses a detector without landmarks, which is of no use here', () => {
    expect(() => decodeFaces(outputs().slice(0, 6), size)).toThrow(/outputs do not fit 32×32 at stride 8: \[32, 1\]/);
  });

  it('keeps the better of two that overlap, falling by score, and takes batched outputs', () => {
    const faces = outputs(
      { row: 0, score: 0.6, box: [0, 0, 1, 1] },
      { row: 1, score: 0.9, box: [0, 0, 1, 1.1] },
      { row: 30, score: 0.7, box: [0, 0, 1, 1] },
      { row: 31, score: 0.49, box: [9, 9, 9, 9] },
    ).map(({ dims, data }) => ({ dims: [1, ...dims], data }));
    expect(decodeFaces(faces, size).map(({ score }) => Number(score.toFixed(2)))).toEqual([0.9, 0.7]);
    expect(decodeFaces(outputs(), size)).toEqual([]);
  });

  it('refuses outputs of another detector', () => {
    expect(() => decodeFaces(outputs().slice(3), size)).toThrow(/do not fit/);
    expect(() => decodeFaces(outputs(), { ...size, width: 64 })).toThrow(/do not fit/);
  });
});

describe('alignment', () => {
  const template = [38.2946, 51.6963, 73.5318, 51.5014, 56.0252, 71.7366, 41.5493, 92.3655, 70.7299, 92.2041];

  it('is the identity on the template, and undoes scale, turn and shift', () => {
    alignmentMatrix(template).forEach((v, i) => expect(v).toBeCloseTo([1, 0, 0, 0, 1, 0][i]!, 9));
    const moved = template.map((_, i) => (i % 2 === 0 ? 10 - 2 * template[i + 1]! : 5 + 2 * template[i - 1]!)); // a quarter turn, twice as large
    alignmentMatrix(moved, 224).forEach((v, i) => expect(v).toBeCloseTo([0, 1, -5, -1, 0, 10][i]!, 9));
  });

  it('never mirrors', () => {
    const [a, b, , d, e] = alignmentMatrix(template.map((v, i) => (i % 2 === 0 ? 112 - v : v)));
    expect(a * e - b * d).toBeGreaterThan(0);
  });

  it('reads between pixels, black outside', () => {
    const line: Picture = { width: 2, height: 1, channels: 1, data: Uint8Array.of(100, 200) };
    expect([...warpAffine(line, [1, 0, 0.5, 0, 1, 0], 3, 1).data]).toEqual([50, 150, 100]);
    expect(alignFace(flat(300, 300, [9, 8, 7]), template)).toMatchObject({ width: 112, height: 112, data: flat(112, 112, [9, 8, 7]).data });
  });

  it('refuses landmarks that are one point', () => {
    expect(() => alignmentMatrix(new Array<number>(10).fill(3))).toThrow(/same point/);
  });
});

describe('recogniser', () => {
  /** A model with these nodes, and fields around them that must be skipped. */
  const model = (...names: string[]) => {
    const field = (number: number, body: Uint8Array) => Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body]);
    const nodes = names.map((name) => field(1, Buffer.concat([field(4, Buffer.from('Op')), field(3, Buffer.from(name))])));
    return Buffer.concat([Buffer.from([0x08, 0x96, 0x01]), field(7, Buffer.concat([...nodes, field(2, Buffer.from('graph'))]))]);
  };

  it('normalises inside when it begins with a subtraction and a multiplication', () => {
    expect(recognitionScaling(model('Sub_0', 'Mul_1', 'Conv_2'))).toEqual({ mean: 0, std: 1 });
    expect(recognitionScaling(model('_minusscalar0', '_mulscalar0'))).toEqual({ mean: 0, std: 1 });
    expect(recognitionScaling(model('Sub_0', 'Conv_1'))).toEqual({ mean: 127.5, std: 127.5 });
    expect(recognitionScaling(model('a', 'b', 'c', 'd', 'e', 'f', 'g', 'Sub_0', 'Mul_1'))).toEqual({ mean: 127.5, std: 127.5 });
  });

  it('refuses what is no model', () => {
    expect(() => onnxNodeNames(model('Sub_0').subarray(0, 12), 8)).toThrow(/ends within a field/);
    expect(() => onnxNodeNames(Buffer.from('<html>'), 8)).toThrow(/The ONNX file/);
  });

  it('has embeddings of length 1', () => {
    expect([...normalized(Float32Array.of(3, 4))].map((x) => Number(x.toFixed(6)))).toEqual([0.6, 0.8]);
  });
});
