import { op, type Attribute, type Graph, type Node, type Tensor } from '@likeness/graph';
import { GradientError } from './errors.ts';

/** A node of the forward pass and the gradient of what it gives: all that a derivative is formed from. */
export interface Step {
  readonly graph: Graph;
  readonly node: Node;
  readonly inputs: readonly Tensor[];
  /** The first output, and the gradient of the loss by it, of the same shape. */
  readonly y: Tensor;
  readonly dy: Tensor;
  /** The gradient by every output; undefined where the loss does not depend on it. */
  readonly gradients: readonly (Tensor | undefined)[];
}

/**
 * The gradients by a node's inputs, each made when it is asked for; none for an input that is no matter of degree (an index, a shape).
 * A derivative that needs what an operator keeps to itself may replace the node in the graph.
 */
export type Derivative = (step: Step) => readonly ((() => Tensor) | undefined)[];

export type Derivatives = Readonly<Record<string, Derivative>>;

/** An attribute that is a whole number. */
export const int = ({ attributes }: Node, name: string, absent: number): number => number(attributes[name], absent);

/** An attribute that is a floating-point number. */
export const float = ({ attributes }: Node, name: string, absent: number): number => {
  const value = attributes[name];
  return typeof value === 'object' && 'float' in value ? value.float : number(value, absent);
};

export const ints = ({ attributes }: Node, name: string, absent: readonly number[]): readonly number[] =>
  (attributes[name] as readonly number[] | undefined) ?? absent;

const number = (value: Attribute | undefined, absent: number): number => (typeof value === 'number' ? value : absent);

/** The values of an input that is a constant list of whole numbers, such as axes. */
export function listed({ graph, node, inputs }: Pick<Step, 'graph' | 'node' | 'inputs'>, index: number): number[] {
  const constant = graph.constants.get(inputs[index]?.name ?? '');
  if (constant?.dtype !== 'int64') throw unsupported(node, `with a computed list as input ${index}`);
  const { buffer, byteOffset, byteLength } = constant.bytes();
  return Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), Number);
}

export const unsupported = ({ op: name, outputs }: Node, what: string): GradientError =>
  new GradientError('no_gradient', `${name} "${outputs[0]!.name}" has no gradient here ${what}.`);

/** The gradient by a tensor that was repeated to the shape of `gradient`: the sum over the repetitions. */
export function collapsed(gradient: Tensor, { dims }: Tensor): Tensor {
  const extra = gradient.dims.length - dims.length;
  const axes = gradient.dims.flatMap((d, i) => (i < extra || (dims[i - extra] === 1 && d !== 1) ? [i] : []));
  return op.reshape(op.reduceSum(gradient, axes), dims);
}

/** Zeros of a shape. */
export const zeros = ({ graph, dims, dtype }: Tensor): Tensor =>
  op.expand(graph.floats([0], [1], dtype === 'float64' ? 'float64' : 'float32'), dims);
