/** Pictures as raw bytes of one size in one file, so that a step reads them in no time and in any order. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { TrainingError } from '../errors.ts';
import { makeFile } from './make-file.ts';

/** `picture`: three channels, resampled smoothly, the middle square. `labels`: one channel, whose values are kept. */
export type RasterKind = 'picture' | 'labels';

export interface RasterOptions {
  /** Pixels along a side. */
  readonly size: number;
  /** Where the file is kept, by what it is made of. */
  readonly cacheFolder: string;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** How else than by decoding the rasters of some files are made. */
export interface Rendering {
  /** Tells this way of making them from others. */
  readonly name: string;
  readonly channels: 1 | 3;
  readonly render: (index: number) => Uint8Array | Promise<Uint8Array>;
}

/** Made at once: enough for the threads of sharp. */
const atOnce = 16;

export class RasterFile {
  readonly count: number;
  readonly size: number;
  /** Bytes of a picture: [size, size, channels], row-major. */
  readonly bytes: number;
  readonly #descriptor: number;

  private constructor(path: string, count: number, size: number, bytes: number) {
    this.count = count;
    this.size = size;
    this.bytes = bytes;
    this.#descriptor = openSync(path, 'r');
  }

  /** Decodes the files unless that has been done before. @throws TrainingError `dataset_invalid` names a file that cannot be read */
  static open(files: readonly string[], { kind, ...options }: RasterOptions & { readonly kind: RasterKind }): Promise<RasterFile> {
    const render = (index: number) => decode(files[index]!, kind, options.size);
    return RasterFile.make(files, { name: kind, channels: kind === 'picture' ? 3 : 1, render }, options);
  }

  /** One raster per file, unless that has been done before. */
  static async make(
    files: readonly string[],
    { name, channels, render }: Rendering,
    { size, cacheFolder, onProgress }: RasterOptions,
  ): Promise<RasterFile> {
    const bytes = size * size * channels;
    const path = join(cacheFolder, `${name}-${size}-${fingerprint(files)}.raw`);
    await makeFile(path, async (descriptor) => {
      for (let i = 0; i < files.length; i += atOnce) {
        const rasters = await Promise.all(files.slice(i, i + atOnce).map(async (_, j) => render(i + j)));
        for (const [j, raster] of rasters.entries()) writeSync(descriptor, raster, 0, bytes, (i + j) * bytes);
        onProgress?.(i + rasters.length, files.length);
      }
    });
    return new RasterFile(path, files.length, size, bytes);
  }

  /** The bytes of a picture, by its place among the files. */
  read(index: number, into = new Uint8Array(this.bytes)): Uint8Array {
    readSync(this.#descriptor, into, 0, this.bytes, index * this.bytes);
    return into;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Of names, sizes and times of change. */
function fingerprint(files: readonly string[]): string {
  const digest = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = statSync(file);
    digest.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return digest.digest('hex').slice(0, 16);
}

async function decode(file: string, kind: RasterKind, size: number): Promise<Uint8Array> {
  try {
    const image = sharp(file);
    const raster =
      kind === 'picture'
        ? image.resize(size, size, { fit: 'cover' }).removeAlpha().toColourspace('srgb')
        : image.resize(size, size, { fit: 'cover', kernel: 'nearest' }).toColourspace('b-w').extractChannel(0);
    return await raster.raw().toBuffer();
  } catch (cause) {
    throw new TrainingError('dataset_invalid', `${file} cannot be read as a picture: ${(cause as Error).message}`, { file }, { cause });
  }
}

/** Pictures or label maps one after another, as they lie in the file: [n, size, size(, 3)]. */
export function rasterBatch(file: RasterFile, indices: readonly number[]): Uint8Array {
  const batch = new Uint8Array(indices.length * file.bytes);
  for (const [k, index] of indices.entries()) file.read(index, batch.subarray(k * file.bytes, (k + 1) * file.bytes));
  return batch;
}

/** Pictures of −1…1, one after another: the k-th [3, S, S] of a batch is that of `indices[k]`. */
export function pixelBatch(pictures: RasterFile, indices: readonly number[]): Float32Array {
  const area = pictures.size ** 2;
  const pixels = new Float32Array(indices.length * 3 * area);
  const raster = new Uint8Array(pictures.bytes);
  for (const [k, index] of indices.entries()) {
    pictures.read(index, raster);
    const start = k * 3 * area;
    for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) pixels[start + c * area + i] = raster[3 * i + c]! / 127.5 - 1;
  }
  return pixels;
}
