import { op, type Tensor } from '@likeness/graph';
import { ints, unsupported, type Derivatives, type Step } from './derivative.ts';
import { padded, scattered } from './layout.ts';
import { resizeMatrix, type ResizeMode } from '../resize-matrix.ts';

type Picture = readonly [batch: number, channels: number, height: number, width: number];
const dimsOf = ({ dims }: Tensor): Picture => dims as unknown as Picture;

/** Every pixel that was the largest of a window gets that window's gradient; the node is replaced by one that says which pixels those are. */
function maxPool({ graph, node, dy, inputs, y }: Step) {
  const [x] = inputs as [Tensor];
  let places: Tensor;
  graph.replace(node, () => {
    const [again, indices] = graph.nodeOfMany('MaxPool', [x], [y, { dtype: 'int64', dims: y.dims }], node.attributes);
    places = indices!; // counted over the whole tensor
    return [again!];
  });
  return [() => scattered(x, op.reshape(places, [-1]), op.reshape(dy, [-1]))];
}

function averagePool({ node, dy, inputs }: Step) {
  const [x] = inputs as [Tensor];
  const kernel = ints(node, 'kernel_shape', []);
  const strides = ints(node, 'strides', []);
  if (kernel.some((k, i) => k !== strides[i]) || ints(node, 'pads', []).some((n) => n !== 0))
    throw unsupported(node, 'where windows overlap or leave the picture');
  const [, , height, width] = dimsOf(x);
  const [, , h, w] = dimsOf(dy);
  const [kh, kw] = kernel as [number, number];
  const spread = op.resizeNearest(op.mul(dy, 1 / (kh * kw)), h * kh, w * kw);
  return [() => padded(spread, [0, 0, 0, 0], [0, 0, height - h * kh, width - w * kw])];
}

/** A resize is a matrix from the left and one from the right; its gradient goes back through both. */
function resize({ graph, node, dy, inputs }: Step) {
  const [x] = inputs as [Tensor];
  const [, , h, w] = dimsOf(x);
  const [, , height, width] = dimsOf(dy);
  const mode = modeOf(node.attributes);
  if (!mode) throw unsupported(node, `with ${JSON.stringify(node.attributes)}`);
  const [byRows, byColumns] = [height / h, width / w];
  if (mode === 'nearest' && Number.isInteger(byRows) && byRows === byColumns)
    return [() => op.mul(op.averagePool2d(dy, byRows), byRows * byColumns)];
  return [
    () => {
      const columns = op.matmul(dy, resizeMatrix(graph, w, width, mode)); // [B, C, H', W]
      return op.matmul(op.transpose(resizeMatrix(graph, h, height, mode), [1, 0]), columns); // [B, C, H, W]
    },
  ];
}

function modeOf({
  mode,
  coordinate_transformation_mode: coordinates,
  nearest_mode: rounding,
}: Step['node']['attributes']): ResizeMode | undefined {
  if (mode === 'nearest' && coordinates === 'asymmetric' && rounding === 'floor') return 'nearest';
  if (mode === 'linear' && coordinates === 'align_corners') return 'align-corners';
  if (mode === 'linear' && coordinates === 'half_pixel') return 'linear';
  return undefined;
}

export const windows: Derivatives = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: ({ dy, inputs: [x] }) => [
    () => {
      const [, , h, w] = dimsOf(x!);
      return op.expand(op.mul(dy, 1 / (h * w)), x!.dims);
    },
  ],
  Resize: resize,
};
