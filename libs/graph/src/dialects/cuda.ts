/**
 * For ONNX Runtime's CUDA provider: float16 throughout, pictures with their channels last, and the provider's own operators
 * (com.microsoft: NhwcConv, GroupNorm and SkipGroupNorm with SiLU, BiasSplitGelu, MultiHeadAttention with packed keys and values), as
 * onnxruntime's transformers/onnx_model_unet.py arrives at by fusing. What is computed in float64 stays so.
 */
import { floatsOf, Graph, type Attribute, type Node } from '../graph.ts';
import * as op from '../ops/index.ts';
import type { Shape, Tensor } from '../tensor.ts';
import { elementCount, toFloat16 } from '../weights/dtypes.ts';

export const toCuda = (graph: Graph): Graph => new CudaLowering(graph).run();

/** A value of the old graph in the new one; with `channelsLast` its dims are [B, H, W, C]. */
interface Held {
  readonly tensor: Tensor;
  readonly channelsLast: boolean;
}

const microsoft = 'com.microsoft';
/** Widths (values and gates together) BiasSplitGelu has kernels for. */
const splitGeluWidths = new Set([2560, 5120, 10240]);

const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div', 'QuickGelu', 'Gelu', 'Relu', 'Sigmoid', 'Sin', 'Clip', 'Cast']);

class CudaLowering {
  readonly #old: Graph;
  readonly #new: Graph;
  readonly #nodes: readonly Node[];
  readonly #values = new Map<string, Held>();
  readonly #producers = new Map<string, Node>();
  readonly #consumers = new Map<string, Node[]>();
  /** New tensors made of other new tensors once: casts and changes of layout. */
  readonly #made = new Map<string, Tensor>();

  constructor(graph: Graph) {
    this.#old = graph;
    this.#new = new Graph(graph.name);
    this.#nodes = graph.liveNodes();
    for (const node of this.#nodes) {
      this.#producers.set(node.outputs[0]!.name, node);
      for (const input of node.inputs) if (input) this.#consumers.set(input.name, [...(this.#consumers.get(input.name) ?? []), node]);
    }
  }

  run(): Graph {
    for (const fingerprint of this.#old.sources) this.#new.sources.add(fingerprint);
    for (const { name, dtype, dims } of this.#old.inputs) this.#hold(name, this.#new.input(name, dtype, dims));
    const outputs = new Set(this.#old.outputs.map(({ name }) => name));
    for (const node of this.#nodes) {
      const [output] = node.outputs as [Tensor];
      if (outputs.has(output.name)) this.#new.output(output.name, this.#as(this.#plain(node.inputs[0]!), output.dtype));
      else if (!this.#values.has(output.name)) this.#lower(node, output);
    }
    return this.#new;
  }

  #lower(node: Node, output: Tensor): void {
    const [x, y] = node.inputs as [Tensor, Tensor];
    const done = (tensor: Tensor, channelsLast = false) => this.#hold(output.name, tensor, channelsLast);
    switch (node.op) {
      case 'Conv':
        return done(this.#conv(node, output), true);
      case 'GroupNormalization':
        return this.#groupNorm(node, output, this.#last(x), undefined);
      case 'Add': {
        const norm = this.#normAfter(output);
        return norm && this.#isPicture(x, y, output)
          ? this.#groupNorm(norm, norm.outputs[0]!, this.#last(x), y, output)
          : this.#each(node, output);
      }
      case 'Mul': {
        const gated = this.#splitGelu(x, y);
        return gated ? done(gated) : this.#each(node, output);
      }
      case 'MultiHeadAttention':
        return done(this.#attention(node, output));
      case 'Concat':
        if (output.dims.length !== 4 || node.attributes['axis'] !== 1 || !node.inputs.some((input) => this.#isLast(input!))) break;
        return done(op.concat(node.inputs.map((input) => this.#half(this.#last(input!))), 3), true); // prettier-ignore
      case 'Resize': {
        if (!this.#isLast(x)) break;
        const [b, c, h, w] = output.dims as [number, number, number, number];
        const dims = [b, h, w, c];
        const sizes = this.#new.ints(dims);
        return done(
          this.#new.node('Resize', [this.#last(x), undefined, undefined, sizes], { dtype: 'float16', dims }, node.attributes),
          true,
        );
      }
      case 'Transpose': {
        const perm = (node.attributes['perm'] as readonly number[]).join();
        const held = this.#held(x);
        if (held.channelsLast && perm === '0,2,3,1') return done(held.tensor); // the very order it has
        if (!held.channelsLast && perm === '0,3,1,2') return done(held.tensor, true);
        break;
      }
      case 'Reshape': // of any element type: an input may hold numbers that are too large for halves
        return done(op.reshape(this.#plain(x), output.dims));
      case 'Cast': {
        const held = this.#held(x);
        return done(op.cast(held.tensor, halved(output.dtype)), held.channelsLast);
      }
    }
    return this.#each(node, output);
  }

  /** The same operator over halves; in whichever layout its inputs have where it looks at every element for itself. */
  #each(node: Node, output: Tensor): void {
    const pictures = node.inputs.filter((input) => input && this.#isLast(input));
    const fits = node.inputs.every((input) => !input || input.dims.length === 4 || elementCount(input.dims) === 1);
    const channelsLast = pictures.length > 0 && fits && elementwise.has(node.op);
    const inputs = node.inputs.map(
      (input) => input && this.#half(channelsLast && input.dims.length === 4 ? this.#last(input) : this.#plain(input)),
    );
    const dims = channelsLast ? lastOf(output.dims) : output.dims;
    this.#hold(
      output.name,
      this.#new.node(node.op, inputs, { dtype: halved(output.dtype), dims }, node.attributes, node.domain),
      channelsLast,
    );
  }

  /** Weights [out, kh, kw, in]. */
  #conv({ inputs: [x, weight, bias], attributes }: Node, { dims }: Tensor): Tensor {
    const kernel = this.#weight(weight!, 'channels last', lastOf(weight!.dims), (values) => channelsLast(values, weight!.dims));
    const inputs = [this.#half(this.#last(x!)), kernel, bias && this.#half(this.#plain(bias))];
    return this.#new.node('NhwcConv', inputs, { dtype: 'float16', dims: lastOf(dims) }, attributes, microsoft);
  }

  /** With the SiLU behind it, and with the sum before it where there is one, which is an output of its own then. Scale and bias stay float32. */
  #groupNorm({ inputs: [, scale, bias], attributes }: Node, normed: Tensor, x: Tensor, skip: Tensor | undefined, sum?: Tensor): void {
    const silu = this.#soleConsumer(normed, ({ op: name, attributes: { alpha } }) => name === 'QuickGelu' && floatOf(alpha) === 1);
    const options = { activation: silu ? 1 : 0, channels_last: 1, epsilon: attributes['epsilon']!, groups: attributes['num_groups']! };
    const shape: Shape = { dtype: 'float16', dims: lastOf(normed.dims) };
    const inputs = [this.#half(x), this.#plain(scale!), this.#plain(bias!)];
    const [y, s] = skip
      ? this.#new.nodeOfMany('SkipGroupNorm', [...inputs, this.#half(this.#last(skip))], [shape, shape], options, microsoft)
      : this.#new.nodeOfMany('GroupNorm', inputs, [shape], options, microsoft);
    this.#hold(normed.name, y!, true);
    if (silu) this.#hold(silu.outputs[0]!.name, y!, true);
    if (sum) this.#hold(sum.name, s!, true);
  }

  #normAfter(sum: Tensor): Node | undefined {
    const norms = (this.#consumers.get(sum.name) ?? []).filter(({ op: name }) => name === 'GroupNormalization');
    return norms.length === 1 ? norms[0] : undefined;
  }

  /** x [B, C, H, W] + skip of the same shape or [B, C, 1, 1] */
  #isPicture(x: Tensor, skip: Tensor, { dims }: Tensor): boolean {
    if (dims.length !== 4 || x.dims.some((d, i) => d !== dims[i]) || skip.dims.length !== 4) return false;
    return skip.dims.every((d, i) => d === dims[i] || (i > 1 && d === 1 && skip.dims[5 - i] === 1));
  }

  /** values · GELU(gates), both of one linear layer whose weights are the halves of one tensor. */
  #splitGelu(values: Tensor, gated: Tensor): Tensor | undefined {
    const gelu = this.#producers.get(gated.name);
    if (gelu?.op !== 'Gelu') return undefined;
    const [left, right] = [this.#linear(values), this.#linear(gelu.inputs[0]!)];
    if (!left?.bias || !right?.bias || left.x !== right.x) return undefined;
    const [rows, width] = left.weight.dims as [number, number];
    if (!splitGeluWidths.has(2 * rows)) return undefined;
    const weight = this.#joined([left.weight, right.weight], [2 * rows, width]);
    const bias = this.#joined([left.bias, right.bias], [2 * rows]);
    const h = op.linear(this.#half(this.#plain(left.x)), weight); // [B·S, 2·inner]
    const x = op.reshape(h, [...values.dims.slice(0, -1), 2 * rows]);
    return this.#new.node('BiasSplitGelu', [x, bias], { dtype: 'float16', dims: values.dims }, {}, microsoft);
  }

  /** Projections of one input without biases are one product: [B, S, heads, 3, width] for q, k and v, [B, T, heads, 2, width] for k and v. */
  #attention({ inputs, attributes }: Node, { dims }: Tensor): Tensor {
    const heads = attributes['num_heads'] as number;
    const [q, k, v] = (inputs as Tensor[]).map((input) => this.#linear(input));
    const isOne = (a: Linear | undefined, b: Linear | undefined) => a && b && a.x === b.x && !a.bias && !b.bias;
    const pack = (parts: readonly Linear[]) => {
      const [{ x, weight }] = parts as [Linear];
      const [out, width] = weight.dims as [number, number];
      const head = out / heads;
      const mixed = this.#joined(parts.map((part) => part.weight), [parts.length * out, width], head); // prettier-ignore
      const [batch, tokens] = inputs[1]!.dims as [number, number];
      return op.reshape(op.linear(this.#half(this.#plain(x)), mixed), [batch, tokens, heads, parts.length, head]);
    };
    const plain = (input: Tensor | undefined) => input && this.#half(this.#plain(input));
    let given: (Tensor | undefined)[];
    if (isOne(q, k) && isOne(k, v)) given = [pack([q!, k!, v!])];
    else if (isOne(k, v)) given = [plain(inputs[0]), pack([k!, v!])];
    else given = inputs.map(plain);
    return this.#new.node('MultiHeadAttention', given, { dtype: 'float16', dims }, attributes, microsoft);
  }

  /** What a linear layer is made of; its input as it was before the rows were laid under one another. */
  #linear(y: Tensor): Linear | undefined {
    const reshaped = this.#producers.get(y.name);
    const gemm = reshaped?.op === 'Reshape' ? this.#producers.get(reshaped.inputs[0]!.name) : reshaped;
    if (gemm?.op !== 'Gemm') return undefined;
    const [rows, weight, bias] = gemm.inputs as [Tensor, Tensor, Tensor | undefined];
    const flattened = this.#producers.get(rows.name);
    const before = flattened?.op === 'Reshape' ? flattened.inputs[0]! : rows;
    return { x: before.dims.at(-1) === weight.dims[1] ? before : rows, weight, bias };
  }

  /** Constants under one another as halves; with `block`, so many rows of each in turn. */
  #joined(parts: readonly Tensor[], dims: readonly number[], block?: number): Tensor {
    const constants = parts.map((part) => this.#old.constants.get(part.name)!);
    const recipe = `[${constants.map((c) => c.recipe).join(', ')}]${block === undefined ? '' : ` by ${block} rows`}`;
    const size = (block ?? parts[0]!.dims[0]!) * elementCount(dims.slice(1));
    return this.#halfConstant(recipe, dims, () => {
      const sources = constants.map(floatsOf);
      const joined = new Float32Array(elementCount(dims));
      for (let at = 0, k = 0; at < joined.length; k++)
        for (const source of sources) {
          joined.set(source.subarray(k * size, (k + 1) * size), at);
          at += size;
        }
      return joined;
    });
  }

  #weight(tensor: Tensor, how: string, dims: readonly number[], change: (values: Float32Array) => Float32Array): Tensor {
    const constant = this.#old.constants.get(tensor.name)!;
    return this.#halfConstant(`${constant.recipe}, ${how}`, dims, () => change(floatsOf(constant)));
  }

  #halfConstant(recipe: string, dims: readonly number[], values: () => Float32Array): Tensor {
    const name = `${recipe} as float16`;
    return this.#once(name, () =>
      this.#new.constant({ name, dtype: 'float16', dims, recipe: name, bytes: () => new Uint8Array(toFloat16(values()).buffer) }),
    );
  }

  /** The value as halves, where it is float32. */
  #half(tensor: Tensor): Tensor {
    if (tensor.dtype !== 'float32') return tensor;
    const constant = this.#new.constants.get(tensor.name);
    if (constant) return this.#halfConstant(constant.recipe, constant.dims, () => floatsOf(constant));
    return this.#once(`${tensor.name} as float16`, () => op.cast(tensor, 'float16'));
  }

  #as(tensor: Tensor, dtype: Tensor['dtype']): Tensor {
    return tensor.dtype === dtype ? tensor : op.cast(tensor, dtype);
  }

  #plain(old: Tensor): Tensor {
    const { tensor, channelsLast: isLast } = this.#held(old);
    return isLast ? this.#once(`${tensor.name} plain`, () => op.transpose(tensor, [0, 3, 1, 2])) : tensor;
  }

  #last(old: Tensor): Tensor {
    const { tensor, channelsLast: isLast } = this.#held(old);
    if (isLast) return tensor;
    const [b, c, h, w] = tensor.dims as [number, number, number, number];
    const isPoint = h === 1 && w === 1;
    return this.#once(`${tensor.name} last`, () => (isPoint ? op.reshape(tensor, [b, 1, 1, c]) : op.transpose(tensor, [0, 2, 3, 1])));
  }

  #isLast = (old: Tensor): boolean => this.#values.get(old.name)?.channelsLast === true;

  #held(old: Tensor): Held {
    const known = this.#values.get(old.name) ?? { tensor: this.#new.constant(this.#old.constants.get(old.name)!), channelsLast: false };
    this.#values.set(old.name, known);
    return known;
  }

  #hold(name: string, tensor: Tensor, isLast = false): void {
    this.#values.set(name, { tensor, channelsLast: isLast });
  }

  #once(name: string, make: () => Tensor): Tensor {
    const tensor = this.#made.get(name) ?? make();
    this.#made.set(name, tensor);
    return tensor;
  }

  #soleConsumer(value: Tensor, is: (node: Node) => boolean): Node | undefined {
    const [node, ...others] = this.#consumers.get(value.name) ?? [];
    return node && others.length === 0 && is(node) ? node : undefined;
  }
}

interface Linear {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
}

const halved = (dtype: Tensor['dtype']) => (dtype === 'float32' ? 'float16' : dtype);
const lastOf = (dims: readonly number[]) => [dims[0]!, dims[2]!, dims[3]!, dims[1]!];
const floatOf = (value: Attribute | undefined) => (typeof value === 'object' && 'float' in value ? value.float : undefined);

/** [out, in, kh, kw] → [out, kh, kw, in] */
function channelsLast(values: Float32Array, dims: readonly number[]): Float32Array {
  const [out, width, kh, kw] = dims as [number, number, number, number];
  const area = kh * kw;
  const moved = new Float32Array(values.length);
  for (let o = 0; o < out; o++)
    for (let c = 0; c < width; c++) for (let i = 0; i < area; i++) moved[(o * area + i) * width + c] = values[(o * width + c) * area + i]!;
  return moved;
}
