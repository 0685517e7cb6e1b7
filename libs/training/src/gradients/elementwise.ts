import { op, type Tensor } from '@likeness/graph';
import { collapsed, float, int, unsupported, type Derivative, type Derivatives } from './derivative.ts';

/** The derivative of a function of one tensor, element by element. */
const unary =
  (derivative: (dy: Tensor, x: Tensor, y: Tensor) => Tensor): Derivative =>
  ({ dy, inputs: [x], y }) => [() => derivative(dy, x!, y)];

/** `value` where the condition holds, else zero. */
const only = (condition: Tensor, value: Tensor): Tensor => op.where(condition, value, value.graph.floats([0]));
const unless = (condition: Tensor, value: Tensor): Tensor => op.where(condition, value.graph.floats([0]), value);

/** Of two equal elements the first is the extreme one. */
const extreme =
  (second: (a: Tensor, b: Tensor) => Tensor): Derivative =>
  ({ dy, inputs: [a, b, more], node }) => {
    if (more) throw unsupported(node, 'for more than two tensors');
    const isSecond = second(a!, b!);
    return [() => collapsed(unless(isSecond, dy), a!), () => collapsed(only(isSecond, dy), b!)];
  };

export const elementwise: Derivatives = {
  Add: ({ dy, inputs: [a, b] }) => [() => collapsed(dy, a!), () => collapsed(dy, b!)],
  Sub: ({ dy, inputs: [a, b] }) => [() => collapsed(dy, a!), () => op.neg(collapsed(dy, b!))],
  Mul: ({ dy, inputs: [a, b] }) => [() => collapsed(op.mul(dy, b!), a!), () => collapsed(op.mul(dy, a!), b!)],
  Div: ({ dy, inputs: [a, b], y }) => [
    () => collapsed(op.div(dy, b!), a!),
    () => op.neg(collapsed(op.div(op.mul(dy, y), b!), b!)), // −dy·a/b²
  ],
  Pow: ({ dy, inputs: [x, e], y, graph }) => [
    () => {
      const isSquare = graph.constants.has(e!.name) && e!.name === graph.floats([2]).name;
      const power = isSquare ? x! : op.pow(x!, op.sub(e!, 1));
      return collapsed(op.mul(dy, op.mul(power, e!)), x!);
    },
    () => collapsed(op.mul(dy, op.mul(y, op.log(x!))), e!),
  ],
  Max: extreme((a, b) => op.less(a, b)),
  Min: extreme((a, b) => op.greater(a, b)),
  Where: ({ dy, inputs: [condition, yes, no] }) => [
    undefined,
    () => collapsed(only(condition!, dy), yes!),
    () => collapsed(unless(condition!, dy), no!),
  ],
  Clip: ({ dy, inputs: [x, low, high] }) => [
    () => {
      const above = low ? unless(op.less(x!, low), dy) : dy;
      return high ? unless(op.greater(x!, high), above) : above;
    },
  ],

  Identity: unary((dy) => dy),
  Cast: unary((dy, x) => op.cast(dy, x.dtype)),
  Neg: unary((dy) => op.neg(dy)),
  Abs: unary((dy, x) => op.mul(dy, op.sign(x))),
  Sqrt: unary((dy, _, y) => op.mul(op.div(dy, y), 0.5)),
  Exp: unary((dy, _, y) => op.mul(dy, y)),
  Log: unary((dy, x) => op.div(dy, x)),
  Sin: unary((dy, x) => op.mul(dy, op.cos(x))),
  Cos: unary((dy, x) => op.neg(op.mul(dy, op.sin(x)))),
  Tanh: unary((dy, _, y) => op.sub(dy, op.mul(dy, op.mul(y, y)))),
  Sigmoid: unary((dy, _, y) => op.mul(dy, op.sub(y, op.mul(y, y)))),
  Erf: unary((dy, x) => op.mul(dy, op.mul(op.exp(op.neg(op.mul(x, x))), 2 / Math.sqrt(Math.PI)))),
  Relu: unary((dy, x) => only(op.greater(x, 0), dy)),

  PRelu: ({ dy, inputs: [x, slope] }) => [
    () => op.where(op.greater(x!, 0), dy, op.mul(dy, slope!)),
    () => collapsed(op.mul(dy, op.min(x!, 0)), slope!),
  ],

  /** Φ(x) + x·φ(x), where y = x·Φ(x). */
  Gelu: unary((dy, x) => {
    const cumulative = op.mul(op.add(op.erf(op.mul(x, Math.SQRT1_2)), 1), 0.5);
    const density = op.mul(op.exp(op.mul(op.mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return op.mul(dy, op.add(cumulative, op.mul(x, density)));
  }),

  /** σ + α·y·(1 − σ), where y = x·σ and σ = sigmoid(α·x). */
  'com.microsoft.QuickGelu': ({ dy, inputs: [x], y, node }) => [
    () => {
      const alpha = float(node, 'alpha', 1.702);
      const scaled = (value: Tensor) => (alpha === 1 ? value : op.mul(value, alpha));
      const sigma = op.sigmoid(scaled(x!));
      const rest = scaled(op.mul(y, op.subFrom(1, sigma)));
      return op.mul(dy, op.add(sigma, rest));
    },
  ],

  /** The sum from the other end. */
  CumSum: ({ dy, inputs: [, axis], node, graph }) => [
    () => graph.node('CumSum', [dy, axis], dy, { exclusive: int(node, 'exclusive', 0), reverse: 1 - int(node, 'reverse', 0) }),
    undefined,
  ],
};
