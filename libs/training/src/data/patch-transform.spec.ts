import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawnFolder } from '../testing/drawn-folder.ts';
import { readFgid } from './fgid.ts';
import { patchTransform } from './patch-transform.ts';
import { pixelBatch, RasterFile } from './raster-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'patches-'));
afterAll(() => rmSync(folder, { recursive: true }));
let pictures: RasterFile;
beforeAll(async () => {
  await drawnFolder(folder, 6);
  const files = readFgid(folder).map(({ picture }) => picture);
  pictures = await RasterFile.open(files, { kind: 'picture', size: 32, cacheFolder: join(folder, '.cache') });
});
afterAll(() => pictures.close());

const patch = 2;
const width = 3 * patch * patch;

/** Patches of all pictures, [width] each, colour by colour, as a convolution of that size and stride sees them. */
function patches(): number[][] {
  const pixels = pixelBatch(pictures, [0, 1, 2, 3, 4, 5]);
  const at = (k: number, c: number, y: number, x: number) => pixels[((k * 3 + c) * 32 + y) * 32 + x]!;
  return Array.from({ length: 6 * 16 * 16 }, (_, i) => {
    const [k, top, left] = [Math.floor(i / 256), patch * Math.floor((i % 256) / 16), patch * (i % 16)];
    return Array.from({ length: width }, (_v, j) => at(k, Math.floor(j / 4), top + Math.floor((j % 4) / 2), left + (j % 2)));
  });
}

function maps(channels: number) {
  const source = patchTransform(pictures, [0, 1, 2, 3, 4, 5], channels, patch);
  const read = (key: string) => source.read(key, source.shape(key)!);
  const [weight, bias, back, mean] = ['encoder.conv.weight', 'encoder.conv.bias', 'decoder.linear.weight', 'decoder.linear.bias'].map(read) as [Float32Array, Float32Array, Float32Array, Float32Array]; // prettier-ignore
  const encode = (x: readonly number[]) =>
    Array.from(bias, (b, c) => b + x.reduce((sum, value, j) => sum + weight[c * width + j]! * value, 0));
  const decode = (z: readonly number[]) =>
    Array.from(mean, (m, j) => m + z.reduce((sum, value, c) => sum + back[j * channels + c]! * value, 0));
  return { encode, decode };
}

it('loses nothing with all channels', () => {
  const { encode, decode } = maps(width);
  for (const x of patches().slice(0, 200)) for (const [j, y] of decode(encode(x)).entries()) expect(y).toBeCloseTo(x[j]!, 3);
});

it('gives latents of mean 0 and of variance 1 over all channels, the first the largest', () => {
  const { encode } = maps(4);
  const latents = patches().map(encode);
  const mean = (of: (z: number[]) => number) => latents.reduce((sum, z) => sum + of(z), 0) / latents.length;
  for (const c of [0, 1, 2, 3]) expect(mean((z) => z[c]!)).toBeCloseTo(0, 3);
  const variances = [0, 1, 2, 3].map((c) => mean((z) => z[c]! ** 2));
  expect(variances.reduce((sum, v) => sum + v, 0) / 4).toBeCloseTo(1, 3);
  expect(variances).toEqual(variances.toSorted((a, b) => b - a));
});
