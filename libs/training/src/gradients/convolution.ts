import { op, type Graph, type Tensor } from '@likeness/graph';
import { int, ints, unsupported, type Step } from './derivative.ts';
import { padded } from './layout.ts';

/** How a window moves over a picture. */
interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  readonly groups: number;
}

function windowOf({ node, inputs: [, weight] }: Step): Window {
  if (weight!.dims.length !== 4) throw unsupported(node, `for ${weight!.dims.length - 2} dimensions`);
  if (ints(node, 'dilations', [1, 1]).some((d) => d !== 1)) throw unsupported(node, 'with dilations');
  return {
    kernel: weight!.dims.slice(2) as [number, number],
    stride: ints(node, 'strides', [1, 1]) as [number, number],
    pads: ints(node, 'pads', [0, 0, 0, 0]) as [number, number, number, number],
    groups: int(node, 'group', 1),
  };
}

/** y = x ∗ w + bias. */
export function convolution(step: Step) {
  const { dy, inputs } = step;
  const [x, weight] = inputs as [Tensor, Tensor];
  const window = windowOf(step);
  return [() => byInput(dy, weight, x, window), () => byWeight(x, dy, weight, window), () => op.reduceSum(dy, [0, 2, 3])];
}

/** The adjoint of a convolution by its input: with y = wᵀ ∗ x, dx = w ∗ dy and dw as a convolution's, with x and dy in each other's place. */
export function transposedConvolution(step: Step) {
  const { dy, inputs } = step;
  const [x, weight] = inputs as [Tensor, Tensor];
  const window = windowOf(step);
  const bySource = () => dy.graph.node('Conv', [dy, weight], x, attributesOf(window));
  return [bySource, () => byWeight(dy, x, weight, window), () => op.reduceSum(dy, [0, 2, 3])];
}

const attributesOf = ({ kernel, stride, pads, groups }: Window) => ({ kernel_shape: kernel, strides: stride, pads, group: groups });

/**
 * By the input: at stride 1 a convolution with the weight turned by 180° and its channels exchanged (180–210 GFLOP/s on two cores against
 * 100–190 of ConvTranspose), at others ConvTranspose.
 */
function byInput(dy: Tensor, weight: Tensor, x: Tensor, window: Window): Tensor {
  const { kernel, stride, pads, groups } = window;
  const [top, left, bottom, right] = pads;
  const inner = [kernel[0] - 1 - top, kernel[1] - 1 - left, kernel[0] - 1 - bottom, kernel[1] - 1 - right];
  if (stride.every((s) => s === 1) && inner.every((n) => n >= 0)) {
    return dy.graph.node('Conv', [dy, turned(weight, groups)], x, { ...attributesOf(window), pads: inner });
  }
  const missed = [0, 1].map((i) => (x.dims[2 + i]! + pads[i]! + pads[2 + i]! - kernel[i]!) % stride[i]!); // rows no window reached
  return dy.graph.node('ConvTranspose', [dy, weight], x, { ...attributesOf(window), output_padding: missed });
}

/** [out, in/g, h, w] → [in, out/g, h, w], upside down and mirrored. */
function turned(weight: Tensor, groups: number): Tensor {
  const [out, width, h, w] = weight.dims as [number, number, number, number];
  const { graph } = weight;
  const exchanged =
    groups === 1
      ? op.transpose(weight, [1, 0, 2, 3])
      : op.reshape(op.transpose(op.reshape(weight, [groups, out / groups, width, h, w]), [0, 2, 1, 3, 4]), [-1, out / groups, h, w]);
  if (h === 1 && w === 1) return exchanged;
  // A product with the reversing permutation takes half as long as a Slice with steps of −1.
  const taps = h * w;
  const reversal = graph.floats(Array.from({ length: taps * taps }, (_, i) => (Math.floor(i / taps) + (i % taps) === taps - 1 ? 1 : 0)), [taps, taps]); // prettier-ignore
  return op.reshape(op.matmul(op.reshape(exchanged, [-1, taps]), reversal), exchanged.dims);
}

/** Below so many places per picture a batch is multiplied as one picture: its own products would be too small (an eighth faster at 64). */
const FEW_PLACES = 128;

/**
 * By the weight: each place of dy times the window of x below it, summed over places and pictures. The windows are laid out by a
 * depthwise convolution with one-hot kernels and multiplied as matrices, which is the fastest of the ways tried (134–237 GFLOP/s on two
 * cores; by slices 78–188, as one convolution 19–54).
 */
function byWeight(x: Tensor, dy: Tensor, weight: Tensor, window: Window): Tensor {
  const { groups, pads } = window;
  const [batch, out, height, width] = dy.dims as [number, number, number, number];
  const places = height * width;
  const keepsSize = window.stride.every((s) => s === 1) && x.dims[2] === height && x.dims[3] === width;
  if (batch > 1 && places < FEW_PLACES && groups === 1 && keepsSize) {
    const gap = Math.max(pads[0], pads[2]);
    return byWeight(stacked(x, gap), stacked(dy, gap), weight, window);
  }
  const columns = windowsOf(x, [height, width], window); // [B, in·h·w, places]
  const grouped = (t: Tensor, rows: number) => op.reshape(t, [batch, ...(groups === 1 ? [] : [groups]), rows / groups, places]);
  const perPicture = op.fusedMatmul(grouped(dy, out), grouped(columns, columns.dims[1]!), { transB: true }); // [B, (g,) out/g, in/g·h·w]
  return op.reshape(op.reduceSum(perPicture, batch === 1 ? [] : [0]), weight.dims);
}

/** Pictures as one, below each other with rows of zeros between them, so that no window sees two: [B, C, H, W] → [1, C, B·(H + gap), W]. */
function stacked(x: Tensor, gap: number): Tensor {
  const [batch, channels, height, width] = x.dims as [number, number, number, number];
  const apart = padded(x, [0, 0, 0, 0], [0, 0, gap, 0]);
  return op.reshape(op.transpose(apart, [1, 0, 2, 3]), [1, channels, batch * (height + gap), width]);
}

/** [B, C, H, W] → [B, C·h·w, H'·W']: what each window sees, in the order of a weight's elements. */
function windowsOf(x: Tensor, [height, width]: readonly [number, number], { kernel, stride, pads }: Window): Tensor {
  const [batch, channels] = x.dims as [number, number];
  const taps = kernel[0] * kernel[1];
  const isPlain = taps === 1 && stride.every((s) => s === 1) && pads.every((n) => n === 0);
  const dims = [batch, channels * taps, height, width];
  const attributes = { kernel_shape: kernel, strides: stride, pads, group: channels };
  const seen = isPlain ? x : x.graph.node('Conv', [x, oneHotKernels(x.graph, channels, kernel)], { dtype: x.dtype, dims }, attributes);
  return op.reshape(seen, [batch, channels * taps, height * width]);
}

/** [C·h·w, 1, h, w]: for each channel one kernel per tap, which picks that tap. */
function oneHotKernels(graph: Graph, channels: number, [h, w]: readonly [number, number]): Tensor {
  const taps = h * w;
  const name = `taps(${channels} × ${h} × ${w})`;
  const values = () => Float32Array.from({ length: channels * taps * taps }, (_, i) => (i % taps === Math.floor(i / taps) % taps ? 1 : 0));
  const bytes = () => new Uint8Array(values().buffer);
  return graph.constant({ name, dtype: 'float32', dims: [channels * taps, 1, h, w], recipe: name, bytes, literal: true });
}
