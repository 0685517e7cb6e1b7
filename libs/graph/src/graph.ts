import { createHash } from 'node:crypto';
import type { Place } from './weights/source.ts';
import type { DType, Shape, Tensor } from './tensor.ts';

export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface Node {
  readonly op: string;
  /** '' is ONNX itself; 'com.microsoft' are the runtime's own operators. */
  readonly domain: string;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A value known when the graph is written. `recipe` says where it comes from, so that equal recipes over equal sources are equal bytes. */
export interface Constant extends Shape {
  readonly name: string;
  readonly recipe: string;
  /** Little-endian bytes, row-major; made when asked for, so that a graph can be built and printed without reading weights. */
  readonly bytes: () => Uint8Array;
  readonly place?: Place | undefined;
  /** A small literal such as a list of axes: printed by value. */
  readonly literal?: boolean;
}

/** The values of a constant of float32. */
export function floatsOf({ bytes }: Constant): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes();
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

/** A graph with static shapes, written node by node; `export.ts` turns it into ONNX. */
export class Graph {
  readonly name: string;
  readonly nodes: Node[] = [];
  readonly inputs: Tensor[] = [];
  readonly outputs: Tensor[] = [];
  readonly constants = new Map<string, Constant>();
  /** Fingerprints of the sources whose weights are in this graph. */
  readonly sources = new Set<string>();
  readonly #names = new Set<string>();
  /** Nodes ever made: no name comes twice. */
  #made = 0;

  constructor(name: string) {
    this.name = name;
  }

  input(name: string, dtype: DType, dims: readonly number[]): Tensor {
    const tensor = this.#tensor(this.#claim(name), { dtype, dims });
    this.inputs.push(tensor);
    return tensor;
  }

  /**
   * Names a value as an output. Nodes may read the output itself: where the value has no other reader the runtime writes it where the
   * output shall lie, and copies nothing.
   */
  output(name: string, value: Tensor): Tensor {
    const tensor = this.#tensor(this.#claim(name), value);
    this.#append({ op: 'Identity', domain: '', inputs: [value], outputs: [tensor], attributes: {} });
    this.outputs.push(tensor);
    return tensor;
  }

  constant(constant: Constant): Tensor {
    if (!constant.literal || !this.constants.has(constant.name)) {
      this.#claim(constant.name);
      this.constants.set(constant.name, constant);
    }
    return this.#tensor(constant.name, constant);
  }

  /** A small list of whole numbers, as operators take for shapes, axes and indices. */
  ints(values: readonly number[], dims: readonly number[] = [values.length], dtype: 'int64' | 'int32' = 'int64'): Tensor {
    const data = dtype === 'int64' ? BigInt64Array.from(values, BigInt) : Int32Array.from(values);
    return this.#literal(dtype, dims, values, data);
  }

  /** A small array of floating-point numbers; without dims a scalar of one value. */
  floats(values: readonly number[], dims: readonly number[] = [], dtype: 'float32' | 'float64' = 'float32'): Tensor {
    const data = dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
    return this.#literal(dtype, dims, values, data);
  }

  /** Appends a node with one output. */
  node(
    op: string,
    inputs: readonly (Tensor | undefined)[],
    output: Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Tensor {
    return this.nodeOfMany(op, inputs, [output], attributes, domain)[0]!;
  }

  /** Appends a node with several outputs. */
  nodeOfMany(
    op: string,
    inputs: readonly (Tensor | undefined)[],
    outputs: readonly Shape[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Tensor[] {
    const name = `${op.toLowerCase()}_${this.#made}`;
    const tensors = outputs.map((output, i) => this.#tensor(this.#claim(i === 0 ? name : `${name}.${i}`), output));
    this.#append({ op, domain, inputs, outputs: tensors, attributes });
    return tensors;
  }

  /**
   * Puts the nodes that `build` appends in the place of one, for instance to give names to what it keeps inside. `build` returns a new
   * value for each of the node's outputs, and those take the outputs' names.
   */
  replace(node: Node, build: () => readonly Tensor[]): void {
    const at = this.nodes.indexOf(node);
    const end = this.nodes.length;
    const values = build();
    const names = new Map(node.outputs.map((output, i) => [values[i]!.name, output]));
    const built = this.nodes.splice(end).map((n) => ({ ...n, outputs: n.outputs.map((output) => names.get(output.name) ?? output) }));
    this.nodes.splice(at, 1, ...built);
  }

  /** The nodes the outputs depend on, in order; what was built and not used is left out. */
  liveNodes(): Node[] {
    const needed = new Set(this.outputs.map((t) => t.name));
    const live: Node[] = [];
    for (const node of this.nodes.toReversed()) {
      if (!node.outputs.some((t) => needed.has(t.name))) continue;
      live.push(node);
      for (const input of node.inputs) if (input) needed.add(input.name);
    }
    return live.reverse();
  }

  /** The constants the given nodes read, in the order of their first use. */
  constantsOf(nodes: readonly Node[]): Constant[] {
    const names = new Set(nodes.flatMap((node) => node.inputs.flatMap((input) => input?.name ?? [])));
    return [...names].flatMap((name) => this.constants.get(name) ?? []);
  }

  #append(node: Node): void {
    this.nodes.push(node);
    this.#made++;
  }

  #literal(dtype: DType, dims: readonly number[], values: readonly number[], data: ArrayBufferView): Tensor {
    const shape = dims.length === 1 && values.length === dims[0] ? '' : `[${dims.join(', ')}]`;
    const listed = values.join(', ');
    const name = `${dtype}${shape}(${values.length <= 8 ? listed : `${values.length} values, sha256 ${createHash('sha256').update(listed).digest('hex').slice(0, 12)}`})`;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.constant({ name, dtype, dims, recipe: name, bytes: () => bytes, literal: true });
  }

  #tensor(name: string, { dtype, dims }: Shape): Tensor {
    if (dims.some((d) => !Number.isInteger(d) || d < 0)) throw new RangeError(`"${name}" would have the shape [${dims.join(', ')}].`);
    return { graph: this, name, dtype, dims };
  }

  #claim(name: string): string {
    if (this.#names.has(name)) throw new RangeError(`The graph has a value "${name}" already.`);
    this.#names.add(name);
    return name;
  }
}
