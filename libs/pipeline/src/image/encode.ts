/** Pixels → picture files that say how they came about. */
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { PipelineError } from '../errors.ts';
import type { Picture } from './picture.ts';

export const outputFormats = { png: 'image/png', jpeg: 'image/jpeg', webp: 'image/webp' } as const;
export type OutputFormat = keyof typeof outputFormats;

/** What a generated picture carries with it. */
export interface Provenance {
  /** How to make it again: prompt, seed, steps, … as one text. */
  readonly parameters: string;
  /** The tool that made it. */
  readonly software: string;
}

/** IPTC's term for a picture made by a trained model; what platforms look for to label AI pictures. */
export const TRAINED_ALGORITHMIC_MEDIA = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia';

/**
 * A picture file. With `provenance` its XMP names the digital source type and holds the parameters; PNG has them also as the text
 * `parameters`, JPEG and WebP as the EXIF user comment (in ASCII, as EXIF has it), where other tools look. Without, the file has no metadata.
 */
export async function encodePicture(picture: Picture, format: OutputFormat, provenance?: Provenance): Promise<Uint8Array> {
  const { width, height, channels, data } = picture;
  let image = sharp(data, { raw: { width, height, channels } }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
  if (provenance) image = image.withXmp(xmpPacket(provenance));
  if (format === 'png') {
    const bytes = await image.png().toBuffer();
    return provenance ? withPngText(bytes, 'parameters', provenance.parameters) : bytes;
  }
  if (provenance) image = image.withExif({ IFD0: { Software: provenance.software }, IFD2: { UserComment: provenance.parameters } });
  return format === 'jpeg' ? image.jpeg({ quality: 92, chromaSubsampling: '4:4:4' }).toBuffer() : image.webp({ quality: 92 }).toBuffer();
}

/** What `encodePicture` wrote, or null when the file carries no such record. @throws PipelineError `image_unreadable` */
export async function readProvenance(bytes: Uint8Array): Promise<Provenance | null> {
  const { xmpAsString: xmp } = await sharp(bytes)
    .metadata()
    .catch((cause: unknown) => {
      throw new PipelineError('image_unreadable', 'The picture header cannot be read.', {}, { cause });
    });
  if (!xmp?.includes(TRAINED_ALGORITHMIC_MEDIA)) return null;
  const parameters = /<rdf:li xml:lang="x-default">([^<]*)<\/rdf:li>/.exec(xmp)?.[1];
  const software = /xmp:CreatorTool="([^"]*)"/.exec(xmp)?.[1];
  return parameters === undefined || software === undefined ? null : { parameters: fromXml(parameters), software: fromXml(software) };
}

const xmpPacket = ({ parameters, software }: Provenance) => `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="${toXml(software)}"
    Iptc4xmpExt:DigitalSourceType="${TRAINED_ALGORITHMIC_MEDIA}">
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">${toXml(parameters)}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>`;

/** XML 1.0 has no way to write most control characters; they go. */
const toXml = (text: string) =>
  text
    .toWellFormed()
    .replace(/(?![\t\n\r\x80-\x9f])\p{Cc}|[\ufffe\uffff]/gu, '')
    .replace(/[&<>"\r]/g, (char) => `&#${char.charCodeAt(0)};`);

const fromXml = (text: string) => text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

/** Where the chunks after IHDR begin: signature 8, length 4, type 4, data 13, checksum 4. */
const AFTER_IHDR = 33;

/** PNG with a further text chunk: tEXt for ASCII, else iTXt, which is UTF-8. (tEXt is Latin-1, but libvips reads it as UTF-8.) */
function withPngText(png: Uint8Array, keyword: string, text: string): Uint8Array {
  const clean = text.replaceAll('\0', '');
  const isAscii = /^[\n\x20-\x7e]*$/.test(clean);
  const body = Buffer.from(isAscii ? `tEXt${keyword}\0${clean}` : `iTXt${keyword}\0\0\0\0\0${clean}`); // no compression, language or translation
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length - 4);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([png.subarray(0, AFTER_IHDR), length, body, checksum, png.subarray(AFTER_IHDR)]);
}
