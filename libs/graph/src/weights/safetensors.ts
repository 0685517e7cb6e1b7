import { checkedCount, isStoredType, itemSizes } from './dtypes.ts';
import { contiguousStrides, type StoredTensor } from './checkpoint.ts';
import { refuse } from './errors.ts';
import type { OpenFile } from './file-bytes.ts';

/**
 * Room for thirty thousand tensors, ten times what the largest model here has. (huggingface/safetensors allows 100 MB, which as JSON would
 * take gigabytes.)
 */
const maxHeader = 4 << 20;

/**
 * The tensors of a safetensors file: 8 bytes of header length, a JSON header, then the data without holes. As strict as the
 * reference: whatever is claimed twice, outside the file, or for no tensor makes the whole file refused.
 */
export function readSafetensors(file: OpenFile): Map<string, StoredTensor> {
  const bad = (entry: string, reason: string) => refuse(file.path, entry, reason);
  const head = file.bytes(0, 8, 'header length');
  const length = new DataView(head.buffer).getBigUint64(0, true);
  if (length > BigInt(maxHeader) || Number(length) > file.size - 8)
    throw bad('header', `claims ${length} bytes, the file has ${file.size}`);
  const header = parseHeader(file, file.bytes(8, Number(length), 'header'));

  const dataStart = 8 + Number(length);
  const dataLength = file.size - dataStart;
  const tensors = new Map<string, StoredTensor>();
  const spans: { key: string; begin: number; end: number }[] = [];
  for (const [key, value] of Object.entries(header)) {
    if (key === '__metadata__') {
      if (!isRecord(value) || Object.values(value).some((v) => typeof v !== 'string')) throw bad(key, 'is not a table of strings');
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = isRecord(value) ? value : {};
    if (typeof dtype !== 'string' || !isStoredType(dtype)) throw bad(key, `has the unknown element type ${shown(dtype)}`);
    const count = Array.isArray(shape) ? checkedCount(shape) : undefined;
    if (count === undefined) throw bad(key, `has the impossible shape ${shown(shape)}`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isOffset)) {
      throw bad(key, `has the impossible offsets ${shown(offsets)}`);
    }
    const [begin, end] = offsets as [number, number];
    if (end > dataLength || end - begin !== count * itemSizes[dtype]) {
      throw bad(key, `${dtype}${shown(shape)} does not fit bytes ${begin} to ${end} of ${dataLength}`);
    }
    const dims = shape as number[];
    tensors.set(key, { type: dtype, shape: dims, strides: contiguousStrides(dims), start: dataStart + begin });
    spans.push({ key, begin, end });
  }

  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { key, begin, end } of spans) {
    if (begin !== covered) throw bad(key, `starts at byte ${begin}, where ${covered} is next: tensors overlap or leave a hole`);
    covered = end;
  }
  if (covered !== dataLength) throw bad('data', `${dataLength - covered} bytes belong to no tensor`);
  return tensors;
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON.parse nests without end, and lets a repeated key and numbers like 1e9 or -0 pass; a header may do neither. */
function parseHeader(file: OpenFile, bytes: Uint8Array): Record<string, unknown> {
  const { depth, values } = measure(bytes);
  if (depth > deepest) throw refuse(file.path, 'header', `is nested more than ${deepest} deep`);
  if (values > mostValues) throw refuse(file.path, 'header', `holds ${values} keys, tables and lists`);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw refuse(file.path, 'header', `is not JSON (${(cause as Error).message.slice(0, 200)})`);
  }
  if (!isRecord(header)) throw refuse(file.path, 'header', 'is not a JSON object');
  const keys: Set<string>[] = [];
  for (const [token, key] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]|[^\s[\],:\d]/g)) {
    if (key !== undefined) {
      const name = JSON.parse(key) as string;
      if (keys.at(-1)!.has(name)) throw refuse(file.path, name.slice(0, 200), 'is a key that stands twice');
      keys.at(-1)!.add(name);
    } else if (token === '{') keys.push(new Set());
    else if (token === '}') keys.pop();
    else if (!token.startsWith('"'))
      throw refuse(file.path, 'header', `holds "${token}", where only whole numbers, strings and lists may stand`);
  }
  return header;
}

/** The table of tensors, an entry or the metadata, a shape. */
const deepest = 3;

/** Of thirty thousand tensors: four keys, a table and two lists each. */
const mostValues = 210_000;

/** How deep brackets stand within each other, and how many brackets and keys there are; what stands in strings does not count. */
function measure(json: Uint8Array): { depth: number; values: number } {
  let [depth, most, values, isString] = [0, 0, 0, false];
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]!;
    if (isString) {
      if (byte === 0x5c) i += 1;
      else if (byte === 0x22) isString = false;
      continue;
    }
    if (byte === 0x22) isString = true;
    else if (byte === 0x5b || byte === 0x7b) most = Math.max(most, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    if (byte === 0x5b || byte === 0x7b || byte === 0x3a) values += 1;
  }
  return { depth: most, values };
}

/** A value in a message. */
const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200);
