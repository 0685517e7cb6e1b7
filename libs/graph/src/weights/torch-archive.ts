import type { StoredTensor } from './checkpoint.ts';
import { checkedCount, itemSizes } from './dtypes.ts';
import { refuse } from './errors.ts';
import { ByteCursor, type OpenFile } from './file-bytes.ts';
import { Budget, isRef, unpickle, type Pickled, type StorageRef, type TensorRef } from './unpickle.ts';
import { readZip } from './zip.ts';

/** The bytes of a storage in the file. */
interface Bytes {
  readonly start: number;
  readonly length: number;
}

/** The tensors of a file of torch.save since 1.6: a zip with `<any name>/data.pkl` and one entry per storage. */
export function readTorchZip(file: OpenFile): Map<string, StoredTensor> {
  const entries = readZip(file);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1)
    throw refuse(file.path, 'data.pkl', pickles.length === 0 ? 'is missing: a zip, but none of torch' : 'stands in several folders');
  const folder = pickles[0]!.slice(0, -'data.pkl'.length);
  if (entries.has(`${folder}constants.pkl`)) throw refuse(file.path, folder, 'is a TorchScript program, not a state dict');
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(file.bytes(order.start, Math.min(order.length, 16), 'byteorder')) !== 'little') {
    throw refuse(file.path, 'byteorder', 'is not little-endian');
  }
  const { start, length } = entries.get(pickles[0]!)!;
  const value = unpickle(new ByteCursor(file, start, start + length, pickles[0]!), file.path, pickles[0]!);
  return collectTensors(file, value, ({ key }) => entries.get(`${folder}data/${key}`));
}

const legacyMagic = 0x1950a86a20f9469cfc6cn;
const legacyProtocol = 1001;

/** How such a file begins: the pickle's protocol, then the magic number. */
const legacyStart = Uint8Array.of(0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19);
export const legacyStartLength = legacyStart.length;
export const isLegacyStart = (start: Uint8Array) =>
  (start[1] === 2 || start[1] === 3) && legacyStart.every((byte, i) => i === 1 || start[i] === byte);

/**
 * The tensors of a file of torch.save before 1.6: pickles of a magic number, a protocol, facts about the machine, the object and
 * the storage keys, then for every key an element count and the raw bytes.
 */
export function readTorchLegacy(file: OpenFile): Map<string, StoredTensor> {
  const cursor = new ByteCursor(file, 0, file.size, 'pickle');
  const budget = new Budget();
  const next = (entry: string) => unpickle(cursor, file.path, entry, budget);
  if (next('magic number') !== legacyMagic) throw refuse(file.path, 'magic number', 'is not that of torch');
  if (next('protocol') !== legacyProtocol) throw refuse(file.path, 'protocol', `is not ${legacyProtocol}`);
  const machine = next('system info');
  if (!(machine instanceof Map) || machine.get('little_endian') !== true)
    throw refuse(file.path, 'system info', 'does not say little-endian');
  const value = next('object');
  const keys = next('storage keys');
  if (!Array.isArray(keys) || keys.some((key) => typeof key !== 'string')) throw refuse(file.path, 'storage keys', 'are no list of names');

  const types = storagesOf(file, value);
  const storages = new Map<string, Bytes>();
  for (const key of keys as string[]) {
    const storage = types.get(key);
    if (!storage) throw refuse(file.path, key, 'is a storage no tensor has');
    const count = cursor.int64();
    if (count !== BigInt(storage.count)) throw refuse(file.path, key, `holds ${count} elements, the pickle says ${storage.count}`);
    const length = storage.count * itemSizes[storage.type];
    if (length > cursor.remaining) throw refuse(file.path, key, `is cut: ${length} bytes wanted, ${cursor.remaining} left`);
    storages.set(key, { start: cursor.position, length });
    cursor.position += length;
  }
  return collectTensors(file, value, ({ key }) => storages.get(key));
}

function storagesOf(file: OpenFile, value: Pickled): Map<string, StorageRef> {
  const storages = new Map<string, StorageRef>();
  walk(file, value, (_, { storage }) => {
    const known = storages.get(storage.key);
    if (known && (known.type !== storage.type || known.count !== storage.count))
      throw refuse(file.path, storage.key, 'is described in two ways');
    storages.set(storage.key, storage);
  });
  return storages;
}

/** Checks every tensor against the bytes of its storage and names it by its path. */
function collectTensors(file: OpenFile, value: Pickled, bytesOf: (storage: StorageRef) => Bytes | undefined): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  walk(file, value, (path, { storage, offset, shape, strides }) => {
    const { type, count: claimed } = storage;
    const size = itemSizes[type];
    const bytes = bytesOf(storage);
    if (!bytes) throw refuse(file.path, path, `its storage "${storage.key}" is missing`);
    if (!Number.isSafeInteger(claimed * size) || claimed * size > bytes.length) {
      throw refuse(file.path, path, `its storage claims ${claimed} elements of ${type} in ${bytes.length} bytes`);
    }
    const count = checkedCount(shape);
    const last = shape.reduce((sum, d, i) => sum + Math.max(d - 1, 0) * strides[i]!, offset);
    if (count === undefined || (count > 0 && last >= claimed)) {
      throw refuse(
        file.path,
        path,
        `[${shape.join(', ')}] with strides (${strides.join(', ')}) at ${offset} leaves its storage of ${claimed} elements`,
      );
    }
    // Strides of zero repeat elements without end; no real state dict of size holds more elements than its file has bytes.
    if (count > Math.max(file.size, smallTensor))
      throw refuse(file.path, path, `would make ${count} elements out of a file of ${file.size} bytes`);
    if (tensors.has(path)) throw refuse(file.path, path, 'is the path of two tensors');
    if (tensors.size >= mostTensors) throw refuse(file.path, path, `is one more than ${mostTensors} tensors`);
    tensors.set(path, { type, shape, strides, start: bytes.start + (count > 0 ? offset * size : 0) });
  });
  return tensors;
}

const mostTensors = 100_000;
/** So many elements may a small file repeat. */
const smallTensor = 65_536;
const longestPath = 512;
const mostContainers = 1_000_000;
const deepest = 64;

/** Visits the tensors below a value with their paths: keys and list positions joined by dots. Everything else is passed over. */
function walk(file: OpenFile, root: Pickled, visit: (path: string, tensor: TensorRef) => void): void {
  let containers = 0;
  const descend = (value: Pickled, path: string, depth: number) => {
    if (isRef(value, 'tensor')) return visit(path, value);
    if (!Array.isArray(value) && !(value instanceof Map)) return;
    if (depth > deepest || ++containers > mostContainers) throw refuse(file.path, path, 'is nested without end');
    for (const [key, item] of value.entries()) {
      if (typeof item !== 'object' || item === null) continue;
      if (typeof key !== 'string' && typeof key !== 'number') {
        if (isRef(item, 'tensor')) throw refuse(file.path, path, 'has a tensor under a key that is neither text nor number');
        continue;
      }
      const below = path === '' ? String(key) : `${path}.${key}`;
      if (below.length > longestPath)
        throw refuse(file.path, below.slice(0, longestPath), `is the beginning of a key of ${below.length} characters`);
      descend(item, below, depth + 1);
    }
  };
  descend(root, '', 0);
}
