import { readFile } from 'node:fs/promises';
import { loadPack, type ConsistentIdPack } from '@likeness/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Correction } from './corrections.ts';
import { encodePrompt, samplePortrait } from './diffusion/index.ts';
import { embedIdentity, identitySources, readIdentity, type Identity, type IdentitySource } from './embedding/index.ts';
import { decodePlain } from './image/decode.ts';
import { encodePicture } from './image/encode.ts';
import { cropPicture, toRgb } from './image/picture.ts';
import { ModelSet } from './model-set.ts';
import { resolveOptions } from './options.ts';
import { parseFace, type ParsedFace } from './parsing/parse-face.ts';

let models: ModelSet;
let reference: Uint8Array;
let parsed: ParsedFace;
let identity: Uint8Array;
beforeAll(async () => {
  models = new ModelSet((await loadPack('sketch')) as ConsistentIdPack, { threads: 1 });
  const portrait = toRgb(await decodePlain(await readFile(new URL('../../../samples/portrait.jpg', import.meta.url))));
  reference = await encodePicture(cropPicture(portrait, 0, 0, 240, 160), 'png'); // not square
  parsed = await parseFace(models, { reference, facialRegions: ['face', 'eyes', 'ears', 'nose', 'mouth'] });
  identity = await embedded();
});
afterAll(() => models.release());

const embedded = async (...corrections: Correction[]) =>
  (await embedIdentity(models, { reference, face: parsed.face, regions: parsed.regions, corrections })).identity;

/** Names of the values that are not the same. */
const changed = <T extends object>(a: T, b: T) =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => JSON.stringify(a[key as keyof T]) !== JSON.stringify(b[key as keyof T]),
  );

const rowsOf = async (prompt: string, from: Uint8Array, ...corrections: Correction[]) =>
  (await encodePrompt(models, { prompt, negativePrompt: 'blurry', identity: readIdentity(from), corrections })).rows;

describe('a correction of the identity', () => {
  it.each<[Correction, (keyof Identity)[]]>([
    ['bgr_faces', ['face', 'idTokens', 'corrections']],
    ['pad_to_square', ['idTokens', 'regionTokens', 'corrections']],
    ['bare_text_prompt', []], // of the prompt
  ])('%s changes %j and nothing else', async (correction, expected) => {
    const before = readIdentity(identity);
    expect(changed(before, readIdentity(await embedded(correction))).sort()).toEqual(expected.sort());
  });

  it('is not there unless it is asked for', async () => {
    expect(Buffer.from(await embedded()).equals(identity)).toBe(true);
    expect(readIdentity(identity).corrections).toEqual([]);
  });
});

describe('the sources of the identity tokens', () => {
  const embedFrom = async (...sources: IdentitySource[]) =>
    readIdentity((await embedIdentity(models, { reference, face: parsed.face, regions: parsed.regions, sources })).identity);

  it('change those tokens and nothing else', async () => {
    const both = readIdentity(identity);
    for (const source of identitySources) expect(changed(both, await embedFrom(source))).toEqual(['idTokens']);
    expect(changed(both, await embedFrom('face', 'picture'))).toEqual([]);
    expect(changed(await embedFrom('face'), await embedFrom('picture'))).toEqual(['idTokens']);
  });

  it('without any of them are those of a blank reference', async () => {
    const { idTokens, idTokensUncond } = await embedFrom();
    expect(idTokens).toEqual(idTokensUncond);
  });
});

describe('a correction of the prompt', () => {
  it.each<[Correction, string[]]>([
    ['bare_text_prompt', ['text']],
    ['plain_negative', ['nullPlain']],
    ['pair_regions_by_name', ['augmented']],
    ['restore_end_token', []], // nothing was cut
    ['strip_second_markers', []], // there is no second encoder
    ['largest_face', []], // of the identity
  ])('%s changes %j and nothing else', async (correction, expected) => {
    // whatever the parser without training sees: the five regions in class order, each with a token of its own
    const seen = { ...readIdentity(identity), regions: ['Face', 'Left_Eye', 'Left_Ear', 'Nose', 'Upper_Lip'] as const };
    seen.regionTokens.data.forEach((_, i, data) => (data[i] = Math.sin(i)));
    const rows = async (...corrections: Correction[]) =>
      (await encodePrompt(models, { prompt: 'A man', negativePrompt: 'blurry', identity: seen, corrections })).rows;
    expect(changed(await rows(), await rows(correction))).toEqual(expected);
  });

  it('restore_end_token changes what was cut', async () => {
    const long = 'a man in a green field, '.repeat(12);
    expect(changed(await rowsOf(long, identity), await rowsOf(long, identity, 'restore_end_token'))).toEqual(['augmented']);
  });
});

describe('a portrait', () => {
  const bytesOf = async (request: object) => {
    const options = resolveOptions(models.pack, { prompt: 'A man', seed: 1, steps: 2, mergeStep: 0, ...request });
    const { images } = await samplePortrait(models, { ...options, identity });
    return Buffer.from(images[0]!.bytes);
  };

  it('is another one with the noise of a CUDA device, and says so', async () => {
    const [plain, again, cuda] = [
      await bytesOf({}),
      await bytesOf({ noiseDevice: 'cpu', corrections: [] }),
      await bytesOf({ noiseDevice: 'cuda' }),
    ];
    expect(again.equals(plain)).toBe(true);
    expect(cuda.equals(plain)).toBe(false);
    expect([plain.includes('noise_device'), cuda.includes('"noise_device":"cuda"')]).toEqual([false, true]);
  });

  it('says how it departs from the published pipeline', async () => {
    const corrected = await bytesOf({ corrections: ['plain_negative'] });
    expect(corrected.includes('"corrections":["plain_negative"]')).toBe(true);
  });
});
