import { broadcast, type DType, type Tensor } from '../tensor.ts';

/** A number beside a tensor becomes a constant of the tensor's element type. */
export type Operand = Tensor | number;

const operand = (value: Operand, beside: Tensor): Tensor => {
  if (typeof value !== 'number') return value;
  if (beside.dtype === 'int64' || beside.dtype === 'int32') return beside.graph.ints([value], [], beside.dtype);
  return beside.graph.floats([value], [], beside.dtype === 'float64' ? 'float64' : 'float32');
};

function binary(op: string, a: Tensor, b: Operand, dtype: DType = a.dtype): Tensor {
  const other = operand(b, a);
  if (other.dtype !== a.dtype) throw new TypeError(`${op} of ${a.dtype} and ${other.dtype}.`);
  return a.graph.node(op, [a, other], { dtype, dims: broadcast(a.dims, other.dims) });
}

export const add = (a: Tensor, b: Operand): Tensor => binary('Add', a, b);
export const sub = (a: Tensor, b: Operand): Tensor => binary('Sub', a, b);
/** a − x, for a number a. */
export const subFrom = (a: number, x: Tensor): Tensor => binary('Sub', operand(a, x), x);
export const mul = (a: Tensor, b: Operand): Tensor => binary('Mul', a, b);
export const div = (a: Tensor, b: Operand): Tensor => binary('Div', a, b);
export const max = (a: Tensor, b: Operand): Tensor => binary('Max', a, b);
export const min = (a: Tensor, b: Operand): Tensor => binary('Min', a, b);
export const pow = (a: Tensor, b: Operand): Tensor => binary('Pow', a, b);
export const equal = (a: Tensor, b: Operand): Tensor => binary('Equal', a, b, 'bool');
export const less = (a: Tensor, b: Operand): Tensor => binary('Less', a, b, 'bool');
export const greater = (a: Tensor, b: Operand): Tensor => binary('Greater', a, b, 'bool');
export const and = (a: Tensor, b: Tensor): Tensor => binary('And', a, b);

const unary = (op: string, x: Tensor, attributes = {}, domain = ''): Tensor => x.graph.node(op, [x], x, attributes, domain);

export const relu = (x: Tensor): Tensor => unary('Relu', x);
export const sigmoid = (x: Tensor): Tensor => unary('Sigmoid', x);
export const sin = (x: Tensor): Tensor => unary('Sin', x);
export const cos = (x: Tensor): Tensor => unary('Cos', x);
export const tanh = (x: Tensor): Tensor => unary('Tanh', x);
export const erf = (x: Tensor): Tensor => unary('Erf', x);
export const exp = (x: Tensor): Tensor => unary('Exp', x);
export const log = (x: Tensor): Tensor => unary('Log', x);
export const sqrt = (x: Tensor): Tensor => unary('Sqrt', x);
export const abs = (x: Tensor): Tensor => unary('Abs', x);
export const sign = (x: Tensor): Tensor => unary('Sign', x);
export const neg = (x: Tensor): Tensor => unary('Neg', x);

/** x·Φ(x) with the error function, not the tanh approximation. */
export const gelu = (x: Tensor): Tensor => unary('Gelu', x);

/** x·sigmoid(1.702 x): CLIP's GELU. */
export const quickGelu = (x: Tensor): Tensor => unary('QuickGelu', x, { alpha: { float: 1.702 } }, 'com.microsoft');

/** x·sigmoid(x), in one kernel. */
export const silu = (x: Tensor): Tensor => unary('QuickGelu', x, { alpha: { float: 1 } }, 'com.microsoft');

/** max(x, 0) + slope·min(x, 0); the slope is broadcast against x. */
export const prelu = (x: Tensor, slope: Tensor): Tensor => x.graph.node('PRelu', [x, slope], x);

export const clip = (x: Tensor, low: number, high: number): Tensor => x.graph.node('Clip', [x, operand(low, x), operand(high, x)], x);

export const cast = (x: Tensor, dtype: DType): Tensor => x.graph.node('Cast', [x], { dtype, dims: x.dims }, { to: elementTypes[dtype] });

/** `yes` where the condition holds, else `no`. */
export const where = (condition: Tensor, yes: Tensor, no: Tensor): Tensor =>
  yes.graph.node('Where', [condition, yes, no], { dtype: yes.dtype, dims: broadcast(condition.dims, broadcast(yes.dims, no.dims)) });

/** TensorProto.DataType */
export const elementTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};
