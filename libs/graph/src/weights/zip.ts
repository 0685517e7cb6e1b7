import { refuse } from './errors.ts';
import type { OpenFile } from './file-bytes.ts';

export interface ZipEntry {
  /** Byte in the file where the entry's data starts. */
  readonly start: number;
  /** Of the data as they are in the file. */
  readonly length: number;
  /** Of the data unpacked; the same as `length` where they are stored. */
  readonly unpacked: number;
  readonly isDeflated: boolean;
}

const endSignature = 0x06054b50;
const end64LocatorSignature = 0x07064b50;
const end64Signature = 0x06064b50;
const directorySignature = 0x02014b50;
const localSignature = 0x04034b50;
const endLength = 22;
const longestComment = 0xffff;

/** A directory longer than that belongs to no archive of models. */
const longestDirectory = 16 << 20;
const mostEntries = 100_000;

/**
 * The entries of a zip file by name (PKWARE APPNOTE 6.3; zip64 included). Unless `deflated` ones may be among them, all must be stored, as
 * torch writes them: their bytes can be read in place. Throws `checkpoint_refused` when the directory is missing or disagrees with the file.
 */
export function readZip(file: OpenFile, { deflated = false } = {}): Map<string, ZipEntry> {
  const bad = (entry: string, reason: string) => refuse(file.path, entry, reason);
  const tailStart = Math.max(0, file.size - endLength - longestComment);
  const tail = view(file.bytes(tailStart, file.size - tailStart, 'zip directory'));
  let at = tail.byteLength - endLength;
  while (at >= 0 && tail.getUint32(at, true) !== endSignature) at -= 1;
  if (at < 0) throw bad('zip directory', 'is missing: the file is cut');

  let count = tail.getUint16(at + 10, true);
  let size = tail.getUint32(at + 12, true);
  let start = tail.getUint32(at + 16, true);
  const locatorAt = tailStart + at - 20;
  const locator = locatorAt >= 0 ? view(file.bytes(locatorAt, 20, 'zip64 locator')) : undefined;
  if (locator?.getUint32(0, true) === end64LocatorSignature) {
    const end64 = view(file.bytes(uint64(locator, 8), 56, 'zip64 directory'));
    if (end64.getUint32(0, true) !== end64Signature) throw bad('zip64 directory', 'is not where the locator points');
    [count, size, start] = [uint64(end64, 32), uint64(end64, 40), uint64(end64, 48)];
  }

  if (size > longestDirectory || count > mostEntries) throw bad('zip directory', `claims ${count} entries in ${size} bytes`);
  const directory = view(file.bytes(start, size, 'zip directory'));
  const entries = new Map<string, ZipEntry>();
  for (let i = 0, p = 0; i < count; i++) {
    if (p + 46 > directory.byteLength || directory.getUint32(p, true) !== directorySignature)
      throw bad('zip directory', `entry ${i} is broken`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) => directory.getUint16(p + o, true)) as [number, number, number];
    const next = p + 46 + nameLength + extraLength + commentLength;
    if (next > directory.byteLength) throw bad('zip directory', `entry ${i} is cut`);
    const name = new TextDecoder().decode(bytesOf(directory, p + 46, nameLength));
    const flags = directory.getUint16(p + 8, true);
    const method = directory.getUint16(p + 10, true);
    if ((flags & 1) !== 0) throw bad(name, 'is encrypted');
    if (method !== 0 && !(deflated && method === 8)) {
      throw bad(name, deflated ? `is packed in way ${method}, not deflated` : 'is compressed; torch stores its entries as they are');
    }
    const [unpacked, length, header] = wideFields(directory, p, p + 46 + nameLength, extraLength);
    if (method === 0 && unpacked !== length) throw bad(name, `claims ${unpacked} bytes in ${length}`);
    if (entries.has(name)) throw bad(name, 'stands twice');
    entries.set(name, { start: dataStart(file, name, header, length), length, unpacked, isDeflated: method === 8 });
    p = next;
  }
  return entries;
}

/** Length, packed length and header position; where the 32-bit fields are full, the zip64 extra field has them in this order. */
function wideFields(directory: DataView, entry: number, extra: number, extraLength: number): [number, number, number] {
  const fields = [24, 20, 42].map((offset) => directory.getUint32(entry + offset, true)) as [number, number, number];
  for (let p = extra; p + 4 <= extra + extraLength; p += 4 + directory.getUint16(p + 2, true)) {
    if (directory.getUint16(p, true) !== 1) continue;
    const end = Math.min(p + 4 + directory.getUint16(p + 2, true), extra + extraLength);
    let at = p + 4;
    for (const i of [0, 1, 2] as const) {
      if (fields[i] !== 0xffffffff || at + 8 > end) continue;
      fields[i] = uint64(directory, at);
      at += 8;
    }
  }
  return fields;
}

function dataStart(file: OpenFile, name: string, header: number, length: number): number {
  const local = view(file.bytes(header, 30, name));
  if (local.getUint32(0, true) !== localSignature) throw refuse(file.path, name, 'is not where the directory says');
  const start = header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (start + length > file.size) throw refuse(file.path, name, `claims ${length} bytes at ${start} of a file of ${file.size}`);
  return start;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const bytesOf = ({ buffer, byteOffset }: DataView, at: number, length: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset + at, length);

/** Beyond 2^53 the value is not exact, but still larger than any file. */
const uint64 = (data: DataView, at: number): number => Number(data.getBigUint64(at, true));
