import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint, type StoredType } from '@likeness/graph';
import type { Tensor } from '@likeness/inference';
import sharp from 'sharp';
import { isPicture, isTensor, type Json, type Picture, type Value } from './value.ts';

export type Tolerance = { readonly rel: number } | { readonly abs: number } | { readonly exact: true } | { readonly agree: number };

/** Where a value stands: in an array file (whole or one key), in a picture or other file, or in case.json itself. */
export interface Reference {
  readonly file?: string;
  readonly key?: string;
  readonly value?: Json;
  /** Of an expected array only `output[::s0, ::s1, …]` was kept. */
  readonly strides?: readonly number[];
}

export interface WeightsSpec {
  /** Seed of the hash rule. */
  readonly hash?: number;
  readonly gain?: number;
  /** Key parts that mark PReLU slopes. */
  readonly prelu?: readonly string[];
  readonly file?: string;
  /** Checkpoint key = prefix + key. */
  readonly prefix?: string;
}

interface CaseFile {
  readonly name: string;
  readonly kind: string;
  readonly config?: Record<string, unknown>;
  readonly weights?: WeightsSpec;
  readonly inputs?: Readonly<Record<string, Reference>>;
  readonly expected: Readonly<Record<string, Reference>>;
  readonly tolerance: Readonly<Record<string, Tolerance>>;
  readonly torch_fp32_error?: number;
}

/** A golden case: a folder with a case.json that says what to run on what, and what must come out. */
export class ParityCase {
  readonly folder: string;
  readonly name: string;
  readonly kind: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: WeightsSpec | undefined;
  readonly expected: Readonly<Record<string, Reference>>;
  readonly tolerance: Readonly<Record<string, Tolerance>>;
  /** Error of PyTorch's own float32 run. */
  readonly torchError: number | undefined;
  readonly #inputs: Readonly<Record<string, Reference>>;

  private constructor(folder: string, file: CaseFile) {
    this.folder = folder;
    this.name = file.name;
    this.kind = file.kind;
    this.config = file.config ?? {};
    this.weights = file.weights;
    this.#inputs = file.inputs ?? {};
    this.expected = file.expected;
    this.tolerance = file.tolerance;
    this.torchError = file.torch_fp32_error;
  }

  static async load(folder: string): Promise<ParityCase> {
    const file = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8')) as CaseFile;
    for (const field of ['name', 'kind', 'expected', 'tolerance'] as const) {
      if (!(field in file)) throw new Error(`${join(folder, 'case.json')} has no field "${field}".`);
    }
    return new ParityCase(folder, file);
  }

  get inputNames(): readonly string[] {
    return Object.keys(this.#inputs);
  }

  /** An input as a value; a file that is neither array file nor picture is asked for by `file`. */
  async input(name: string): Promise<Value> {
    return this.read(this.#input(name));
  }

  async tensor(name: string): Promise<Tensor> {
    const value = await this.input(name);
    if (!isTensor(value)) throw new Error(`Input "${name}" of ${this.name} is no array.`);
    return value;
  }

  async picture(name: string): Promise<Picture> {
    const value = await this.input(name);
    if (!isPicture(value)) throw new Error(`Input "${name}" of ${this.name} is no picture.`);
    return value;
  }

  /** The path of an input that is a file. */
  file(name: string): string {
    const { file } = this.#input(name);
    if (file === undefined) throw new Error(`Input "${name}" of ${this.name} is no file.`);
    return join(this.folder, file);
  }

  /** The value a reference of this case points at. */
  async read(reference: Reference): Promise<Value> {
    if (reference.value !== undefined) return reference.value;
    if (reference.file === undefined) throw new Error(`A reference in ${this.name} has neither file nor value.`);
    const path = join(this.folder, reference.file);
    if (path.endsWith('.png')) return decodePng(path);
    if (!path.endsWith('.safetensors')) throw new Error(`${path} is neither an array file nor a picture.`);
    const tensors = readTensors(path, reference.key);
    return reference.key === undefined ? tensors : tensors.get(reference.key)!;
  }

  #input(name: string): Reference {
    const reference = this.#inputs[name];
    if (!reference) throw new Error(`${this.name} has no input "${name}".`);
    return reference;
  }
}

const dtypes: Partial<Record<StoredType, Tensor['dtype']>> = {
  F32: 'float32', F64: 'float64', F16: 'float16', I64: 'int64', I32: 'int32', U8: 'uint8', I8: 'int8', BOOL: 'bool',
}; // prettier-ignore

/** Tensors of a safetensors file in their own element types: all of them, or one. */
export function readTensors(path: string, only?: string): Map<string, Tensor> {
  const file = openCheckpoint(path);
  try {
    const keys = only === undefined ? file.keys : [only];
    return new Map(
      keys.map((key) => {
        const data = file.readStored(key);
        const { type, shape } = file.tensors.get(key)!;
        const dtype = dtypes[type];
        if (!dtype) throw new Error(`${path}: "${key}" is ${type}, which no case uses.`);
        return [key, { dtype, dims: shape, data } as Tensor];
      }),
    );
  } finally {
    file.close();
  }
}

/** Grey stays one channel, colour becomes RGB, alpha is dropped without blending. */
async function decodePng(path: string): Promise<Picture> {
  const image = sharp(path);
  const { channels } = await image.metadata();
  const { data, info } = await image
    .toColourspace(channels <= 2 ? 'b-w' : 'srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 1 && info.channels !== 3) throw new Error(`${path} has ${info.channels} channels.`);
  return { width: info.width, height: info.height, channels: info.channels, data };
}
