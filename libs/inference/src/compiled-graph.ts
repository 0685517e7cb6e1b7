/**
 * Graphs as the runtime has optimised them for this machine, kept in a folder: `<id>.onnx` and, by content, `tensors/<sha256>`. Loading one
 * takes a fraction of a second, as nothing is left to be optimised or repacked, and its weights stay in the files: pages of the system's
 * cache that all processes and all picture sizes share. (SD1.5's UNet: 0.5 s and 0.7 GB of its own, against 6 s and 4.2 GB.)
 */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** A scratch folder this old belongs to a process that was ended. */
const ABANDONED_MS = 3_600_000;

/** Smaller constants stay in the ONNX file. */
const WORTH_A_FILE = 64 << 10;

export interface GraphSource {
  /** A serialised ONNX model. */
  readonly bytes: Uint8Array;
  /** Names the contents of its external weight files. */
  readonly fingerprint: string;
}

/** Where the optimised form of a graph lies: it depends on the graph, its weights, the runtime and the instructions of the processor. */
export function compiledPath(folder: string, { bytes, fingerprint }: GraphSource, runtimeVersion: string): string {
  const digest = createHash('sha256').update(bytes).update(fingerprint);
  digest.update([runtimeVersion, process.arch, cpus()[0]?.model ?? '', String(WORTH_A_FILE)].join('\n'));
  return join(folder, `${digest.digest('hex').slice(0, 32)}.onnx`);
}

/**
 * Fills `path` from what `optimise` writes: a model with its larger constants in a file beside it, in a folder that is then removed.
 * Whoever does the same at the same time makes the same files.
 */
export async function keepCompiled(
  folder: string,
  path: string,
  optimise: (options: { readonly path: string; readonly dataFile: string; readonly minimumBytes: number }) => Promise<void>,
): Promise<void> {
  if (existsSync(path)) return;
  const tensors = join(folder, 'tensors');
  const scratch = join(folder, `${randomUUID()}.partial`);
  await mkdir(tensors, { recursive: true });
  await removeAbandoned(folder);
  await mkdir(scratch);
  try {
    const [written, dataFile] = [join(scratch, 'model.onnx'), 'model.data'];
    await optimise({ path: written, dataFile, minimumBytes: WORTH_A_FILE });
    const model = await readFile(written);
    const moved = new Map<string, string>(); // place in the data file → name under the folder
    if (existsSync(join(scratch, dataFile))) {
      const data = await open(join(scratch, dataFile));
      try {
        for (const place of externalPlaces(model)) moved.set(placeKey(place), `tensors/${await keepTensor(data, place, tensors, scratch)}`);
      } finally {
        await data.close();
      }
    }
    const partial = join(scratch, 'moved.onnx');
    await writeFile(partial, relocated(model, moved));
    await rename(partial, path);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter((entry) => entry.endsWith('.partial'))) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** The bytes of a tensor under the name of their SHA-256. */
async function keepTensor(data: FileHandle, { offset, length }: Place, tensors: string, scratch: string): Promise<string> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await data.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new Error(`The optimised graph's data end before ${offset + length} bytes.`);
    done += bytesRead;
  }
  const name = createHash('sha256').update(bytes).digest('hex');
  if (!existsSync(join(tensors, name))) {
    const partial = join(scratch, name);
    await writeFile(partial, bytes);
    await rename(partial, join(tensors, name));
  }
  return name;
}

interface Place {
  readonly offset: number;
  readonly length: number;
}
const placeKey = ({ offset, length }: Place) => `${offset} ${length}`;

/** Field numbers of onnx.proto. */
const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR_EXTERNAL_DATA = 13;

function externalPlaces(model: Uint8Array): Place[] {
  const places: Place[] = [];
  mapField(model, MODEL_GRAPH, (graph) =>
    mapField(graph, GRAPH_INITIALIZER, (tensor) => {
      const place = placeOf(tensor);
      if (place) places.push(place);
      return tensor;
    }),
  );
  return places;
}

function relocated(model: Uint8Array, moved: ReadonlyMap<string, string>): Uint8Array {
  return mapField(model, MODEL_GRAPH, (graph) =>
    mapField(graph, GRAPH_INITIALIZER, (tensor) => {
      const place = placeOf(tensor);
      if (!place) return tensor;
      const entries = { location: moved.get(placeKey(place))!, length: String(place.length) };
      return Buffer.concat([
        mapField(tensor, TENSOR_EXTERNAL_DATA, () => undefined),
        ...Object.entries(entries).map(([key, value]) => field(TENSOR_EXTERNAL_DATA, Buffer.concat([field(1, key), field(2, value)]))),
      ]);
    }),
  );
}

/** Where a tensor's bytes lie, if not in the model itself. */
function placeOf(tensor: Uint8Array): Place | undefined {
  const entries = new Map<string, string>();
  mapField(tensor, TENSOR_EXTERNAL_DATA, (entry) => {
    const texts: string[] = [];
    for (const number of [1, 2]) mapField(entry, number, (text) => (texts.push(Buffer.from(text).toString()), text));
    entries.set(texts[0] ?? '', texts[1] ?? '');
    return entry;
  });
  const length = entries.get('length');
  return length === undefined ? undefined : { offset: Number(entries.get('offset') ?? 0), length: Number(length) };
}

/** A protobuf message with the payloads of one length-delimited field changed, or left out where `change` gives undefined. */
function mapField(message: Uint8Array, wanted: number, change: (payload: Uint8Array) => Uint8Array | undefined): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const start = at;
    const tag = varint();
    const wire = tag % 8;
    let payload: Uint8Array | undefined;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      payload = message.subarray(at, at + length);
      at += length;
    }
    if (!payload || Math.floor(tag / 8) !== wanted) {
      parts.push(message.subarray(start, at));
      continue;
    }
    const changed = change(payload);
    if (changed) parts.push(changed === payload ? message.subarray(start, at) : field(wanted, changed));
  }
  return Buffer.concat(parts);
}

/** A length-delimited field. */
function field(number: number, value: string | Uint8Array): Buffer {
  const payload = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varintOf(number * 8 + 2), varintOf(payload.length), payload]);
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}
