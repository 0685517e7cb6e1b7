/**
 * What an ONNX file from elsewhere is, read off its protobuf without loading it: its ports and operators. ONNX Runtime would follow a
 * path to other files, load libraries for operators that are not its own, and allocate whatever a shape claims; such files are refused.
 */
import { checkedCount } from '../weights/dtypes.ts';
import { refuse } from '../weights/errors.ts';
import { ByteCursor, OpenFile } from '../weights/file-bytes.ts';

export interface OnnxPort {
  readonly name: string;
  /** null where the graph leaves a dimension open. */
  readonly dims: readonly (number | null)[];
}

export interface OnnxNode {
  readonly name: string;
  readonly op: string;
}

export interface OnnxModel {
  /** Of the file, without links. */
  readonly path: string;
  /** The graph's inputs without its weights, which old files list, too. */
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly nodes: readonly OnnxNode[];
}

/** The domains whose operators ONNX Runtime has itself. */
const ownDomains = new Set(['', 'ai.onnx', 'com.microsoft']);
const mostNodes = 100_000;
const longestName = 4096;

/** Bytes of an element by TensorProto.DataType; 8 is text, which no weight is. */
const elementSizes: Readonly<Record<number, number>> = {
  1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2,
}; // prettier-ignore

/** Checks the whole file. @throws WeightError `checkpoint_refused` with the entry and the reason */
export function readOnnx(path: string): OnnxModel {
  const file = new OpenFile(path);
  try {
    return new OnnxReader(file).model();
  } finally {
    file.close();
  }
}

interface Field {
  readonly number: number;
  /** Of a number its value, else the length of the payload. */
  readonly value: number;
  readonly start: number;
  readonly isPayload: boolean;
}

/** Field numbers are those of onnx.proto (IR version 10). */
class OnnxReader {
  readonly #file: OpenFile;
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Set<string>();

  constructor(file: OpenFile) {
    this.#file = file;
  }

  model(): OnnxModel {
    const graphs: Field[] = [];
    for (const field of this.#fields(0, this.#file.size, 'model')) {
      if (field.number === 7 && field.isPayload) graphs.push(field);
      if (field.number === 25) throw this.#bad('model', 'has functions of its own, which no network here needs');
      if (graphs.length > 1) throw this.#bad('model', 'has two graphs');
    }
    const [graph] = graphs;
    if (!graph) throw this.#bad('model', 'has no graph: it is no ONNX file');
    const ports = { inputs: [] as OnnxPort[], outputs: [] as OnnxPort[] };
    for (const field of this.#inside(graph, 'graph')) {
      if (field.number === 1) this.#node(field);
      else if (field.number === 5) this.#initializers.add(this.#tensor(field, `initializer ${this.#initializers.size}`));
      else if (field.number === 15) throw this.#bad('graph', 'has sparse weights, which no network here needs');
      else if (field.number === 11) ports.inputs.push(this.#port(field));
      else if (field.number === 12) ports.outputs.push(this.#port(field));
      if (this.#nodes.length + this.#initializers.size + ports.inputs.length + ports.outputs.length > mostNodes) {
        throw this.#bad('graph', `has more than ${mostNodes} nodes and weights`);
      }
    }
    return {
      path: this.#file.path,
      inputs: ports.inputs.filter(({ name }) => !this.#initializers.has(name)),
      outputs: ports.outputs,
      nodes: this.#nodes,
    };
  }

  #node(field: Field): void {
    let [name, op, domain] = ['', '', ''];
    const attributes: Field[] = [];
    for (const part of this.#inside(field, 'node')) {
      if (part.number === 3) name = this.#text(part, 'node');
      else if (part.number === 4) op = this.#text(part, 'node');
      else if (part.number === 7) domain = this.#text(part, 'node');
      else if (part.number === 5) attributes.push(part);
    }
    const entry = `node "${name}"`;
    if (!ownDomains.has(domain)) throw this.#bad(entry, `is the operator ${op} of "${domain}", which is not ONNX Runtime's own`);
    for (const attribute of attributes) {
      for (const part of this.#inside(attribute, entry)) {
        if (part.number === 6 || part.number === 11) throw this.#bad(entry, `${op} has a graph inside, which no network here needs`);
        if (part.number === 5 || part.number === 10) this.#tensor(part, entry);
      }
    }
    this.#nodes.push({ name, op });
  }

  /** Checks that a tensor's data are in the file, all of them; returns its name. */
  #tensor(field: Field, entry: string): string {
    const dims: number[] = [];
    let [name, type, bytes, listed] = ['', 0, undefined as number | undefined, 0];
    for (const part of this.#inside(field, entry)) {
      if (part.number === 1) dims.push(...this.#numbers(part, entry));
      else if (part.number === 2) type = part.value;
      else if (part.number === 8) name = this.#text(part, entry);
      else if (part.number === 9) bytes = part.value;
      else if (part.number === 13 || (part.number === 14 && part.value !== 0))
        throw this.#bad(name === '' ? entry : `initializer "${name}"`, 'lies in another file');
      // numbers one by one or packed: at least a byte each, so that no shape can be larger than the file
      else if ([4, 5, 7, 10, 11].includes(part.number)) listed += part.isPayload ? part.value : 1;
      if (dims.length > 64) throw this.#bad(entry, 'has more than 64 dimensions');
    }
    const count = checkedCount(dims);
    const size = elementSizes[type];
    const shown = `[${dims.join(', ')}] of type ${type}`;
    if (count === undefined || size === undefined) throw this.#bad(entry, `"${name}" is an impossible tensor: ${shown}`);
    if (bytes === undefined ? count > listed : bytes !== count * size) {
      throw this.#bad(entry, `"${name}" is ${shown}, but has ${bytes ?? listed} bytes`);
    }
    return name;
  }

  #port(field: Field): OnnxPort {
    let name = '';
    const dims: (number | null)[] = [];
    for (const part of this.#inside(field, 'port')) {
      if (part.number === 1) name = this.#text(part, 'port');
      for (const type of part.number === 2 ? this.#inside(part, 'port') : []) {
        if (type.number !== 1) throw this.#bad(`port "${name}"`, 'is no tensor');
        for (const shape of this.#inside(type, 'port')) {
          if (shape.number !== 2 || !shape.isPayload) continue;
          for (const dim of this.#inside(shape, 'port')) {
            if (dims.length > 64) throw this.#bad(`port "${name}"`, 'has more than 64 dimensions');
            const [fixed] = [...this.#inside(dim, 'port')].filter(({ number }) => number === 1);
            dims.push(fixed ? fixed.value : null);
          }
        }
      }
    }
    return { name, dims };
  }

  #text(field: Field, entry: string): string {
    if (!field.isPayload || field.value > longestName) throw this.#bad(entry, `has a name of ${field.value} bytes`);
    return new TextDecoder().decode(this.#file.bytes(field.start, field.value, entry));
  }

  /** A repeated number: one, or packed. */
  #numbers(field: Field, entry: string): number[] {
    if (!field.isPayload) return [field.value];
    const cursor = new ByteCursor(this.#file, field.start, field.start + field.value, entry);
    const numbers: number[] = [];
    while (cursor.remaining > 0 && numbers.length <= 64) numbers.push(this.#varint(cursor, entry));
    return numbers;
  }

  *#inside(field: Field, entry: string): Generator<Field> {
    if (!field.isPayload) throw this.#bad(entry, `field ${field.number} is a number, not a message`);
    yield* this.#fields(field.start, field.start + field.value, entry);
  }

  *#fields(start: number, end: number, entry: string): Generator<Field> {
    const cursor = new ByteCursor(this.#file, start, end, entry);
    while (cursor.remaining > 0) {
      const tag = this.#varint(cursor, entry);
      const [number, wire] = [Math.floor(tag / 8), tag % 8];
      if (number === 0) throw this.#bad(entry, 'has a field of number 0');
      const isPayload = wire === 2;
      if (wire !== 0 && wire !== 1 && wire !== 5 && !isPayload) throw this.#bad(entry, `has a field of wire type ${wire}`);
      const value = wire === 1 ? 8 : wire === 5 ? 4 : this.#varint(cursor, entry);
      const length = wire === 0 ? 0 : value;
      if (length > cursor.remaining) throw this.#bad(entry, `is cut: a field of ${length} bytes, ${cursor.remaining} left`);
      yield { number, value, start: cursor.position, isPayload };
      cursor.position += length;
    }
  }

  /** Negative numbers come out as large ones, which nothing here accepts. */
  #varint(cursor: ByteCursor, entry: string): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = cursor.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw this.#bad(entry, 'has a number of more than 64 bits');
  }

  #bad(entry: string, reason: string) {
    return refuse(this.#file.path, entry, reason);
  }
}
