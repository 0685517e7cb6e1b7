import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join, parse, relative, sep } from 'node:path';
import { dialects, type Dialect } from '../dialects/index.ts';
import type { Constant, Graph } from '../graph.ts';
import { dtypeSizes, type Shape } from '../tensor.ts';
import { elementCount } from '../weights/dtypes.ts';
import { serialize, type ExternalData } from './serialize.ts';

export interface Port extends Shape {
  readonly name: string;
}

/** A graph as ONNX Runtime takes it. */
export interface ExportedGraph {
  /** Serialised ModelProto. */
  readonly bytes: Uint8Array;
  /** Folder in which the graph's external data is named, when it has any. */
  readonly externalFolder: string | undefined;
  /** Of the sources its weights come from: with it and the bytes, the graph with all its values is known. */
  readonly fingerprint: string;
  /** The files in which that data lies, by absolute path. */
  readonly externalFiles: readonly string[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

export interface ExportOptions {
  /** For which kind of device; default: `cpu`. */
  readonly dialect?: Dialect | undefined;
  /**
   * Folder for weights that are not included in the ONNX bytes. Weights a checkpoint holds as the graph wants them (aligned float32) stay in the
   * checkpoint; converted ones are written here once, under a name that follows from what they are made of. Without a folder all
   * weights go into the bytes, which must stay below 2 GiB.
   */
  readonly weightsFolder?: string | undefined;
}

/** Below this a graph carries its weights itself: loading is not worth a second file. */
const worthAFile = 64 << 20;
/** Below this a single constant is always included. */
const smallConstant = 4096;
const alignment = 64;

export function exportGraph(written: Graph, { weightsFolder, dialect = 'cpu' }: ExportOptions = {}): ExportedGraph {
  const graph = dialects[dialect](written);
  const fingerprint = [...graph.sources].join('\n');
  const ports = { fingerprint, inputs: graph.inputs.map(port), outputs: graph.outputs.map(port) };
  const large = graph.constantsOf(graph.liveNodes()).filter((c) => !c.literal && byteLength(c) >= smallConstant);
  const total = large.reduce((n, c) => n + byteLength(c), 0);
  if (weightsFolder === undefined || total < worthAFile)
    return { bytes: serialize(graph, () => undefined), externalFolder: undefined, externalFiles: [], ...ports };

  mkdirSync(weightsFolder, { recursive: true });
  const folder = realpathSync(weightsFolder);
  const places = new Map<string, { file: string; offset: number; length: number }>();
  const converted: Constant[] = [];
  for (const constant of large) {
    const place = constant.place;
    if (place && parse(place.file).root === parse(folder).root) places.set(constant.name, { ...place, length: place.byteLength });
    else converted.push(constant);
  }
  if (converted.length > 0) {
    const written = writeWeights(graph, folder, converted);
    for (const [name, offset] of written.offsets)
      places.set(name, { file: written.file, offset, length: byteLength(graph.constants.get(name)!) });
  }

  const externalFiles = [...new Set([...places.values()].map(({ file }) => file))];
  const externalFolder = commonFolder(externalFiles);
  const external = ({ name }: Constant): ExternalData | undefined => {
    const place = places.get(name);
    return place && { location: relative(externalFolder, place.file).split(sep).join('/'), offset: place.offset, length: place.length };
  };
  return { bytes: serialize(graph, external), externalFolder, externalFiles, ...ports };
}

/** Writes constants one after another, aligned. A file of the same recipe that is there already is used as it is. */
function writeWeights(graph: Graph, folder: string, constants: readonly Constant[]): { file: string; offsets: Map<string, number> } {
  const digest = createHash('sha256');
  for (const fingerprint of graph.sources) digest.update(`${fingerprint}\n`);
  const offsets = new Map<string, number>();
  let end = 0;
  for (const constant of constants) {
    digest.update(`${constant.recipe} ${constant.dtype} [${constant.dims.join(', ')}]\n`);
    offsets.set(constant.name, end);
    end = Math.ceil((end + byteLength(constant)) / alignment) * alignment;
  }
  const file = join(folder, `${graph.name}-${digest.digest('hex').slice(0, 32)}.weights`);
  if (existsSync(file) && statSync(file).size === end) return { file, offsets };

  const partial = `${file}.${randomUUID()}.partial`;
  const descriptor = openSync(partial, 'wx');
  try {
    for (const constant of constants) {
      const bytes = constant.bytes();
      const offset = offsets.get(constant.name)!;
      for (let done = 0; done < bytes.length;)
        done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, 1 << 30), offset + done);
    }
    const last = constants.at(-1)!;
    const written = offsets.get(last.name)! + byteLength(last);
    if (written < end) writeSync(descriptor, new Uint8Array(end - written), 0, end - written, written);
    renameSync(partial, file); // another process may have done the same: both files are equal
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return { file, offsets };
}

function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0]!);
  while (files.some((file) => relative(folder, file).startsWith('..'))) folder = dirname(folder);
  return folder;
}

const byteLength = ({ dtype, dims }: Shape): number => elementCount(dims) * dtypeSizes[dtype];
const port = ({ name, dtype, dims }: Port): Port => ({ name, dtype, dims });
