import { checkedCount, isStoredType, itemSizes } from './dtypes.ts';
import { contiguousStrides, type StoredTensor } from './checkpoint.ts';
import { refuse } from './errors.ts';
import type { OpenFile } from './file-bytes.ts';

/** The limit of the reference implementation (huggingface/safetensors, MAX_HEADER_SIZE). */
const maxHeader = 100_000_000;

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
    if (typeof dtype !== 'string' || !isStoredType(dtype)) throw bad(key, `has the unknown element type ${JSON.stringify(dtype)}`);
    const count = Array.isArray(shape) ? checkedCount(shape) : undefined;
    if (count === undefined) throw bad(key, `has the impossible shape ${JSON.stringify(shape)}`);
    if (!Array.isArray(offsets) || offsets.length !== 2 || checkedCount(offsets) === undefined) {
      throw bad(key, `has the impossible offsets ${JSON.stringify(offsets)}`);
    }
    const [begin, end] = offsets as [number, number];
    if (end > dataLength || end - begin !== count * itemSizes[dtype]) {
      throw bad(key, `${dtype}[${(shape as number[]).join(', ')}] does not fit bytes ${begin} to ${end} of ${dataLength}`);
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

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON.parse lets a repeated key and numbers like 1e9 or -0 pass; a header may hold neither. */
function parseHeader(file: OpenFile, bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw refuse(file.path, 'header', `is not JSON (${(cause as Error).message})`);
  }
  if (!isRecord(header)) throw refuse(file.path, 'header', 'is not a JSON object');
  const keys: Set<string>[] = [];
  for (const [token, key] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]|[^\s[\],:\d]/g)) {
    if (key !== undefined) {
      const name = JSON.parse(key) as string;
      if (keys.at(-1)!.has(name)) throw refuse(file.path, name, 'is a key that stands twice');
      keys.at(-1)!.add(name);
    } else if (token === '{') keys.push(new Set());
    else if (token === '}') keys.pop();
    else if (!token.startsWith('"'))
      throw refuse(file.path, 'header', `holds "${token}", where only whole numbers, strings and lists may stand`);
  }
  return header;
}
