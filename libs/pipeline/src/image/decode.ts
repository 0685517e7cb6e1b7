/** Bytes of a picture file → pixels. Everything a stranger uploads comes through here. */
import sharp, { type Sharp } from 'sharp';
import { PipelineError } from '../errors.ts';
import type { Picture } from './picture.ts';

export const MAX_PICTURE_BYTES = 20_000_000;
export const MAX_PICTURE_PIXELS = 50_000_000;
export const MIN_PICTURE_SIDE = 64;

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** The formats that are read, by their first bytes; a file's name and content type say nothing. */
const signatures: Record<string, (b: Uint8Array) => boolean> = {
  jpeg: (b) => b[0] === 0xff && b[1] === 0xd8 && b[2] === 0xff,
  png: (b) => ascii(b, 0, 8) === '\x89PNG\r\n\x1a\n',
  webp: (b) => ascii(b, 0, 4) === 'RIFF' && ascii(b, 8, 12) === 'WEBP',
  avif: (b) => ascii(b, 4, 8) === 'ftyp' && /avif|avis/.test(ascii(b, 8, Math.min(b.length, 64))),
  tiff: (b) => ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(ascii(b, 0, 4)),
  gif: (b) => ['GIF87a', 'GIF89a'].includes(ascii(b, 0, 6)),
};

export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'tiff' | 'gif';

/** The format by the file's first bytes, or null for anything that is not read (SVG, HEIC, PDF, text, …). */
export function sniffPicture(bytes: Uint8Array): PictureFormat | null {
  return (Object.keys(signatures) as PictureFormat[]).find((format) => signatures[format]!(bytes)) ?? null;
}

/**
 * An uploaded picture as 8-bit sRGB: first frame, EXIF orientation applied, embedded colour profile converted, grey, palette,
 * 16-bit and CMYK made RGB, alpha laid on white.
 *
 * @throws PipelineError `image_unreadable` (another format, damaged or cut, over 20 MB or 50 megapixels), `image_too_small` (a side under 64 pixels)
 */
export async function decodePicture(bytes: Uint8Array): Promise<Picture> {
  const { format, image } = await open(bytes, { limit: MAX_PICTURE_PIXELS, minSide: MIN_PICTURE_SIDE, ignoreIcc: false });
  return pixels(format, image.autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb'));
}

/**
 * A picture as Pillow's `Image.open(…).convert('RGB')` reads it: orientation and colour profile ignored, alpha dropped.
 * A grey file stays grey (mode L, 1 channel). For files the product made itself and for parity cases: no smallest size.
 */
export async function decodePlain(bytes: Uint8Array): Promise<Picture> {
  const { format, image, grey } = await open(bytes, { limit: MAX_PICTURE_PIXELS, minSide: 1, ignoreIcc: true });
  return pixels(format, image.removeAlpha().toColourspace(grey ? 'b-w' : 'srgb'));
}

/** Format and sizes are judged on the header, before a pixel is decoded. */
async function open(bytes: Uint8Array, rule: { limit: number; minSide: number; ignoreIcc: boolean }) {
  if (bytes.length > MAX_PICTURE_BYTES) {
    throw unreadable(`The picture has ${bytes.length} bytes; at most ${MAX_PICTURE_BYTES} are read.`, { bytes: bytes.length });
  }
  const format = sniffPicture(bytes);
  if (!format) throw unreadable('The file is no JPEG, PNG, WebP, AVIF, TIFF or GIF picture.', { starts_with: hex(bytes.subarray(0, 12)) });
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: rule.limit, ignoreIcc: rule.ignoreIcc, sequentialRead: true });
  const header = await image.metadata().catch((cause: unknown) => {
    throw unreadable(`The ${format} header cannot be read: ${reason(cause)}`, { format }, cause);
  });
  const { width, height } = header;
  if (width * height > rule.limit) {
    throw unreadable(`The picture has ${width}×${height} pixels; at most ${rule.limit} are read.`, { width, height });
  }
  if (Math.min(width, height) < rule.minSide) {
    const message = `The picture is ${width}×${height} pixels; each side needs at least ${rule.minSide}.`;
    throw new PipelineError('image_too_small', message, { width, height, minimum: rule.minSide });
  }
  return { format, image, grey: header.space === 'b-w' || header.space === 'grey16' };
}

async function pixels(format: PictureFormat, image: Sharp): Promise<Picture> {
  const { data, info } = await image
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw unreadable(`The ${format} picture cannot be decoded: ${reason(cause)}`, { format }, cause);
    });
  if (info.channels !== 1 && info.channels !== 3)
    throw unreadable(`The ${format} picture has ${info.channels} colour channels.`, { format });
  return {
    width: info.width,
    height: info.height,
    channels: info.channels,
    data: new Uint8Array(data.buffer, data.byteOffset, data.length),
  };
}

const unreadable = (message: string, detail: Record<string, unknown>, cause?: unknown) =>
  new PipelineError('image_unreadable', message, detail, { cause });

const reason = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause)).replace(/\n[^]*/, '');

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
