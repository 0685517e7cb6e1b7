import { op, type Tensor } from '@likeness/graph';
import { collapsed, int, ints, listed, unsupported, zeros, type Derivatives, type Step } from './derivative.ts';

const reshaped = ({ dy, inputs: [x] }: Step) => [() => op.reshape(dy, x!.dims), undefined];

/** x with `before` and `after` zeros around each axis. */
export function padded(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  if ([...before, ...after].every((n) => n === 0)) return x;
  const dims = x.dims.map((d, i) => d + before[i]! + after[i]!);
  return x.graph.node('Pad', [x, x.graph.ints([...before, ...after])], { dtype: x.dtype, dims }, { mode: 'constant' });
}

/** Elements `start` to `end` of each axis. */
function cut(x: Tensor, start: readonly number[], end: readonly number[]): Tensor {
  return x.dims.reduce((part, _, axis) => op.slice(part, axis, start[axis]!, end[axis]!), x);
}

/** A tensor like x: zeros, and at each place that `index` [n] names in flattened order the sum of what `values` [n] bring there. */
export function scattered(x: Tensor, index: Tensor, values: Tensor): Tensor {
  const flat = op.reshape(x, [-1]);
  const sums = x.graph.node('ScatterElements', [zeros(flat), index, values], flat, { axis: 0, reduction: 'add' });
  return op.reshape(sums, x.dims);
}

export const layout: Derivatives = {
  Reshape: reshaped,
  Expand: ({ dy, inputs: [x] }) => [() => collapsed(dy, x!), undefined],

  Transpose: ({ dy, node }) => [
    () => {
      const perm = ints(node, 'perm', []);
      return op.transpose(
        dy,
        perm.map((_, i) => perm.indexOf(i)),
      );
    },
  ],

  Concat: ({ dy, inputs, node }) => {
    const axis = int(node, 'axis', 0);
    let end = 0;
    return inputs.map((part) => {
      const start = end;
      end += part.dims[axis]!;
      return () => op.slice(dy, axis, start, start + part.dims[axis]!);
    });
  },

  Split: ({ gradients, node }) => [
    () =>
      op.concat(
        node.outputs.map((part, i) => gradients[i] ?? zeros(part)),
        int(node, 'axis', 0),
      ),
  ],

  Slice: (step) => {
    const { dy, inputs, node } = step;
    const [x, , , , steps] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor | undefined];
    if (steps) throw unsupported(node, 'with steps');
    const [starts, , axes] = [1, 2, 3].map((i) => listed(step, i)) as [number[], number[], number[]];
    const before = x.dims.map((_, axis) => starts[axes.indexOf(axis)] ?? 0);
    return [() => padded(dy, before, x.dims.map((d, i) => d - dy.dims[i]! - before[i]!))]; // prettier-ignore
  },

  Pad: (step) => {
    const { dy, inputs, node } = step;
    if (node.attributes['mode'] !== 'constant') throw unsupported(node, 'with anything but zeros');
    const [x] = inputs as [Tensor];
    const before = listed(step, 1).slice(0, x.dims.length);
    return [() => cut(dy, before, before.map((start, i) => start + x.dims[i]!))]; // prettier-ignore
  },

  /** Rows of a table: each row gathers what every place that read it brings. */
  Gather: ({ dy, inputs: [table, index], node, graph }) => {
    if (int(node, 'axis', 0) !== 0) throw unsupported(node, 'along another axis than the first');
    const rows = [-1, ...table!.dims.slice(1)];
    const places = op.reshape(index!, [-1, 1]);
    return [() => graph.node('ScatterND', [zeros(table!), places, op.reshape(dy, rows)], table!, { reduction: 'add' }), undefined];
  },

  GatherND: ({ dy, inputs: [data, index], node, graph }) => {
    const [batch, count] = data!.dims as [number, number];
    if (int(node, 'batch_dims', 0) !== 1 || index!.dims.length !== 2) throw unsupported(node, 'but for one place per row');
    // One of `count` places per row: a comparison and a product are cheaper than a scatter.
    const chosen = op.equal(graph.ints(Array.from({ length: count }, (_, i) => i), [1, count]), index!); // prettier-ignore
    const mask = op.reshape(op.cast(chosen, 'float32'), [batch, count, ...data!.dims.slice(2).map(() => 1)]);
    return [() => op.mul(mask, op.reshape(dy, [batch, 1, ...data!.dims.slice(2)])), undefined];
  },

  GatherElements: ({ dy, inputs: [data, index], node, graph }) => [
    () => graph.node('ScatterElements', [zeros(data!), index, dy], data!, { axis: int(node, 'axis', 0), reduction: 'add' }),
    undefined,
  ],
};
