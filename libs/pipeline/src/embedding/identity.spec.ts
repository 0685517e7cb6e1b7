import { float32 } from '@likeness/inference';
import { describe, expect, it } from 'vitest';
import { writeTensors } from '../safetensors.ts';
import { readIdentity, writeIdentity, type Identity } from './identity.ts';

const ramp = (...dims: number[]) =>
  float32(
    dims,
    Float32Array.from({ length: dims.reduce((n, d) => n * d) }, (_, i) => i / 7),
  );
const identity: Identity = {
  face: ramp(1, 512),
  idTokens: ramp(1, 4, 8),
  idTokensUncond: ramp(1, 4, 8),
  regionTokens: ramp(1, 5, 1, 8),
  regionTokensUncond: ramp(1, 5, 1, 8),
  regions: ['Face', 'Left_Eye', 'Nose'],
  corrections: [],
};

describe('an identity as a file', () => {
  it('comes back as it went, its regions in order', () => {
    expect(readIdentity(writeIdentity(identity))).toEqual(identity);
    expect(readIdentity(writeIdentity({ ...identity, regions: [] })).regions).toEqual([]);
  });

  it('keeps the corrections that made it, and not those of a prompt', () => {
    const file = writeIdentity({ ...identity, corrections: ['plain_negative', 'pad_to_square', 'bgr_faces'] });
    expect(readIdentity(file).corrections).toEqual(['bgr_faces', 'pad_to_square']);
    expect(Buffer.from(writeIdentity({ ...identity, corrections: ['plain_negative'] }))).toEqual(Buffer.from(writeIdentity(identity)));
  });

  it.each([
    ['an array is missing', writeTensors({ face_embedding: identity.face })],
    ['a region is unknown', writeIdentity({ ...identity, regions: ['Third_Eye' as never] })],
    ['it is something else', Buffer.from('no identity')],
  ])('is refused when %s', (_, file) => {
    expect(() => readIdentity(file)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
