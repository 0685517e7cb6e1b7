/**
 * 8-bit integers where a processor multiplies them four times as fast as float32 (AVX-512 VNNI, AMX): convolutions between fixed scales,
 * which come from a calibration; linear layers with the scale of each run. Weights have a scale per output channel.
 */
import { bytesOf, floatsOf, type Constant, type Graph, type Node } from '../graph.ts';
import type { Tensor } from '../tensor.ts';
import { concat, reshape } from '../ops/layout.ts';
import { rewrite } from './rewrite.ts';

/** The least and the greatest value that a convolution saw and gave. */
export interface ConvRange {
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
}

/** By the key of the convolution's weight; one that is absent stays as it is. */
export type ConvRanges = Readonly<Record<string, ConvRange>>;

/** Linear layers of fewer rows cost little, and those are the ones of the time and the text. */
const LEAST_ROWS = 64;

/** The graph with one output more, `ranges` [n, 4]: least and greatest input, least and greatest output of each convolution in `keys`. */
export function observeConvolutions(graph: Graph): { readonly graph: Graph; readonly keys: readonly string[] } {
  const keys: string[] = [];
  const seen: Tensor[] = [];
  const observed = rewrite(graph, (node, inputs) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    if (node.op !== 'Conv' || !x.graph.constants.has(weight.name)) return undefined;
    const y = x.graph.node('Conv', inputs, node.outputs[0]!, node.attributes);
    const extreme = (op: 'ReduceMin' | 'ReduceMax', of: Tensor) =>
      reshape(x.graph.node(op, [of], { dtype: of.dtype, dims: [] }, { keepdims: 0 }), [1, 1]);
    seen.push(concat([extreme('ReduceMin', x), extreme('ReduceMax', x), extreme('ReduceMin', y), extreme('ReduceMax', y)], 1));
    keys.push(weight.name);
    return y;
  });
  observed.output('ranges', concat(seen, 0));
  return { graph: observed, keys };
}

export function int8(graph: Graph, ranges: ConvRanges): Graph {
  return rewrite(graph, (node, inputs) => {
    if (node.op === 'Conv') return convolution(node, inputs, ranges);
    if (node.op === 'Gemm') return linear(node, inputs);
    return undefined;
  });
}

function convolution(node: Node, inputs: readonly (Tensor | undefined)[], ranges: ConvRanges): Tensor | undefined {
  const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor | undefined];
  const { graph } = x;
  const stored = graph.constants.get(weight.name);
  const range = ranges[weight.name];
  if (!stored || !range) return undefined;
  const [input, output] = [unsigned(range.input), unsigned(range.output)];
  const quantised = quantisedRows(stored);
  const scales = perRow(stored, quantised);
  const scaleOf = ({ scale }: Unsigned) => graph.floats([scale]);
  const zeroOf = ({ zero }: Unsigned) => byte(graph, zero);
  const q = graph.node('QuantizeLinear', [x, scaleOf(input), zeroOf(input)], { dtype: 'uint8', dims: x.dims });
  const values = graph.constant({ ...quantised.values, dims: weight.dims });
  const y = graph.node(
    'QLinearConv',
    [
      q,
      scaleOf(input),
      zeroOf(input),
      values,
      graph.constant(scales),
      zeros(graph, weight.dims[0]!),
      scaleOf(output),
      zeroOf(output),
      bias && integerBias(graph, bias, quantised, input.scale),
    ],
    { dtype: 'uint8', dims: node.outputs[0]!.dims },
    node.attributes,
  );
  return graph.node('DequantizeLinear', [y, scaleOf(output), zeroOf(output)], node.outputs[0]!);
}

function linear(node: Node, inputs: readonly (Tensor | undefined)[]): Tensor | undefined {
  const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor | undefined];
  const stored = x.graph.constants.get(weight.name);
  if (!stored || node.attributes['transB'] !== 1 || x.dims[0]! < LEAST_ROWS) return undefined;
  const quantised = quantisedRows(stored);
  const [out, width] = weight.dims as [number, number];
  const values = x.graph.constant({
    name: `${weight.name} as int8, transposed`,
    dtype: 'int8',
    dims: [width, out],
    recipe: `${stored.recipe} as int8, transposed`,
    bytes: () => transposed(quantised.values.bytes(), out, width),
  });
  const scales = x.graph.constant(perRow(stored, quantised));
  return x.graph.node('DynamicQuantizeMatMul', [x, values, scales, undefined, bias], node.outputs[0]!, {}, 'com.microsoft');
}

interface Unsigned {
  readonly scale: number;
  readonly zero: number;
}

/** The 8-bit grid over a range, which zero is a point of. */
function unsigned([low, high]: readonly [number, number]): Unsigned {
  const [least, greatest] = [Math.min(low, 0), Math.max(high, 0)];
  const scale = Math.fround(Math.max(greatest - least, 1e-12) / 255);
  return { scale, zero: Math.round(-least / scale) };
}

interface Quantised {
  readonly values: Constant;
  readonly scales: () => Float32Array;
}

/** Symmetric, with a scale per row [out, …]; the scales are kept, since the bias needs them, too. */
function quantisedRows(stored: Constant): Quantised {
  const [out] = stored.dims as [number];
  let known: Float32Array | undefined;
  const scalesOf = (values: Float32Array) => {
    const size = values.length / out;
    return Float32Array.from({ length: out }, (_, o) => {
      let most = 0;
      for (let i = o * size; i < (o + 1) * size; i++) most = Math.max(most, Math.abs(values[i]!));
      return most / 127 || 1;
    });
  };
  const scales = () => (known ??= scalesOf(floatsOf(stored)));
  const bytes = () => {
    const values = floatsOf(stored);
    const size = values.length / out;
    const result = new Int8Array(values.length);
    for (const [o, scale] of (known ??= scalesOf(values)).entries())
      for (let i = o * size; i < (o + 1) * size; i++) result[i] = Math.round(values[i]! / scale);
    return new Uint8Array(result.buffer);
  };
  const recipe = `${stored.recipe} as int8`;
  return { values: { name: `${stored.name} as int8`, dtype: 'int8', dims: stored.dims, recipe, bytes }, scales };
}

const perRow = (stored: Constant, { scales }: Quantised): Constant => ({
  name: `${stored.name} scales`,
  dtype: 'float32',
  dims: [stored.dims[0]!],
  recipe: `${stored.recipe} scales of int8`,
  bytes: () => bytesOf(scales()),
});

/** In the unit of the products: input scale times weight scale. */
function integerBias(graph: Graph, bias: Tensor, { scales }: Quantised, inputScale: number): Tensor {
  const stored = graph.constants.get(bias.name)!;
  return graph.constant({
    name: `${bias.name} as int32`,
    dtype: 'int32',
    dims: bias.dims,
    recipe: `${stored.recipe} as int32 by ${inputScale}`,
    bytes: () => {
      const values = floatsOf(stored);
      const units = scales();
      return bytesOf(Int32Array.from({ length: values.length }, (_, i) => Math.round(values[i]! / (units[i]! * inputScale))));
    },
  });
}

const byte = (graph: Graph, value: number): Tensor =>
  graph.constant({
    name: `uint8(${value})`,
    dtype: 'uint8',
    dims: [],
    recipe: `uint8(${value})`,
    bytes: () => Uint8Array.of(value),
    literal: true,
  });

const zeros = (graph: Graph, count: number): Tensor =>
  graph.constant({
    name: `int8(0)[${count}]`,
    dtype: 'int8',
    dims: [count],
    recipe: `int8 zeros`,
    bytes: () => new Uint8Array(count),
    literal: true,
  });

function transposed(bytes: Uint8Array, rows: number, columns: number): Uint8Array {
  const result = new Uint8Array(rows * columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = bytes[r * columns + c]!;
  return result;
}
