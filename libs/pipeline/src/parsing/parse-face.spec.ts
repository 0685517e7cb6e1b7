import { float32, type Outputs, type Session } from '@likeness/inference';
import { describe, expect, it } from 'vitest';
import { blankPicture } from '../image/picture.ts';
import type { ParsingModels } from '../model-set.ts';
import { findFace } from './parse-face.ts';

const SIDE = 64;
const strides = [8, 16, 32];

/** A detector of 64 × 64 that answers with the given scores at the first cells of its finest level; each box is 16 pixels wide, but for the widest of 20. */
function detector(scores: readonly number[], { widest }: { widest?: number } = {}): Session {
  const rows = strides.map((stride) => 2 * (SIDE / stride) ** 2);
  const outputs: Outputs = {};
  for (const [level, n] of rows.entries()) {
    outputs[`score_${level}`] = float32([n, 1]);
    outputs[`box_${level}`] = float32([n, 4], new Float32Array(4 * n).fill(1));
    const landmarks = [-1, -1, 1, -1, 0, 0, -1, 1, 1, 1];
    outputs[`landmarks_${level}`] = float32(
      [n, 10],
      Float32Array.from({ length: 10 * n }, (_, i) => landmarks[i % 10]!),
    );
  }
  for (const [i, score] of scores.entries()) (outputs['score_0']!.data as Float32Array)[2 * (9 + 3 * i)] = score; // cells three apart do not overlap
  if (widest !== undefined) (outputs['box_0']!.data as Float32Array).fill(1.25, 8 * (9 + 3 * widest), 8 * (9 + 3 * widest) + 4);
  const port = (name: string) => ({ name, dtype: 'float32' as const, dims: outputs[name]!.dims });
  return {
    inputs: [{ name: 'input.1', dtype: 'float32', dims: [1, 3, SIDE, SIDE] }],
    outputs: Object.keys(outputs).map(port),
    run: () => Promise.resolve(outputs),
    release: () => Promise.resolve(),
  };
}

const modelsWith = (session: Session | null) =>
  ({ channelOrder: 'bgr', detector: () => Promise.resolve(session && { session, options: {} }) }) as unknown as ParsingModels;

/** Twice the detector's size: coordinates double. White at the left half. */
const picture = blankPicture(2 * SIDE, 2 * SIDE);
for (let i = 0; i < picture.data.length; i += 3) if ((i / 3) % picture.width < SIDE) picture.data.fill(255, i, i + 3);

describe('findFace', () => {
  it('takes the face of the highest score, upright, and says that there are others', async () => {
    const { face, detection, warnings } = await findFace(modelsWith(detector([0.6, 0.9])), picture);
    expect(detection).toMatchObject({ box: [48, 0, 80, 32] });
    expect(detection!.score).toBeCloseTo(0.9);
    expect(detection!.landmarks.slice(0, 4)).toEqual([48, 0, 80, 0]);
    expect(warnings).toEqual(['multiple_faces']);
    expect([face!.width, face!.height]).toEqual([112, 112]);
    const row = (112 * 56 + 1) * 3;
    expect([face!.data[row], face!.data[row + 3 * 108]]).toEqual([255, 0]); // the edge between white and black runs through it
  });

  it('refuses a picture in which the detector finds nobody', async () => {
    await expect(findFace(modelsWith(detector([0.4])), picture)).rejects.toMatchObject({
      code: 'no_face_detected',
      detail: { width: 128, height: 128 },
    });
    await expect(findFace(modelsWith(detector([])), picture)).rejects.toMatchObject({ code: 'no_face_detected' });
  });

  it('takes the largest face where that is asked for', async () => {
    const { detection } = await findFace(modelsWith(detector([0.6, 0.9], { widest: 0 })), picture, ['largest_face']);
    expect(detection!.score).toBeCloseTo(0.6);
  });

  it('goes on without a face where that is asked for, and says so', async () => {
    const found = await findFace(modelsWith(detector([0.4])), picture, ['continue_without_face']);
    expect(found).toEqual({ face: null, detection: null, warnings: ['no_face_detected'] });
  });

  it('takes the centred square where the pack has no detector', async () => {
    const wide = { ...blankPicture(300, 100), data: new Uint8Array(300 * 100 * 3).fill(255, 0, 30_000) };
    const { face, detection, warnings } = await findFace(modelsWith(null), wide);
    expect([face!.width, face!.height, detection, warnings]).toEqual([112, 112, null, ['no_face_detector']]);
  });
});
