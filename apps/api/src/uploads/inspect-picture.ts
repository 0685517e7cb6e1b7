/** Whether bytes are a picture that the service takes, judged on the header: no pixel is decoded here. */
import { LikenessError, PICTURE_MAX_BYTES, PICTURE_MAX_PIXELS, PICTURE_MIN_SIDE } from '@likeness/contracts';
import sharp, { type Metadata } from 'sharp';

// Only the readers of these formats exist in this process: no SVG, PDF or ImageMagick for strangers' bytes.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpeg',
    'VipsForeignLoadPng',
    'VipsForeignLoadWebp',
    'VipsForeignLoadHeif',
    'VipsForeignLoadTiff',
    'VipsForeignLoadNsgif',
  ],
});

/**
 * The media type of the picture by its bytes.
 * @throws LikenessError `image_unreadable` (another format, a damaged header, over 20 MB or 50 megapixels), `image_too_small` (a side under 64 pixels)
 */
export async function inspectPicture(bytes: Uint8Array): Promise<string> {
  if (bytes.length > PICTURE_MAX_BYTES) throw unreadable(`The picture has ${bytes.length} bytes; at most ${PICTURE_MAX_BYTES} are read.`);
  const header = await readHeader(bytes);
  const { width, format } = header;
  const height = header.pageHeight ?? header.height; // frames of an animation lie below each other
  if (format === 'heif' && header.compression !== 'av1')
    throw unreadable(`HEIF with ${header.compression} is not read; of its kind only AVIF is.`);
  if (width * height > PICTURE_MAX_PIXELS)
    throw unreadable(`The picture has ${width}×${height} pixels; at most ${PICTURE_MAX_PIXELS} are read.`);
  if (Math.min(width, height) < PICTURE_MIN_SIDE) {
    throw new LikenessError('image_too_small', `The picture is ${width}×${height} pixels; each side needs at least ${PICTURE_MIN_SIDE}.`);
  }
  return mediaType(format);
}

async function readHeader(bytes: Uint8Array): Promise<Metadata> {
  try {
    return await sharp(bytes, { limitInputPixels: false, sequentialRead: true }).metadata();
  } catch (cause) {
    throw unreadable(`The file is no JPEG, PNG, WebP, AVIF, TIFF or GIF picture; it starts with ${firstBytes(bytes)}.`, cause);
  }
}

const mediaType = (format: Metadata['format']): string => (format === 'heif' ? 'image/avif' : `image/${format}`);

const firstBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes.subarray(0, 8))
    .toString('hex')
    .replace(/..(?=.)/g, '$& ') || 'nothing: it is empty';

const unreadable = (detail: string, cause?: unknown) => new LikenessError('image_unreadable', detail, { cause });
