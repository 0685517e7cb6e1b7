import { describe, expect, it } from 'vitest';
import { rewrite } from './dialects/rewrite.ts';
import { Graph } from './graph.ts';
import { countMacs } from './macs.ts';
import * as op from './ops/index.ts';
import { print } from './print.ts';
import type { Tensor } from './tensor.ts';

const graph = new Graph('shapes');
let names = 0;
const x = (...dims: number[]): Tensor => graph.input(`x${names++}`, 'float32', dims);

describe('shapes', () => {
  it.each<[string, Tensor, number[]]>([
    ['add broadcasts', op.add(x(2, 3, 1), x(4)), [2, 3, 4]],
    ['reshape fills −1', op.reshape(x(2, 3, 4), [-1, 4]), [6, 4]],
    ['transpose', op.transpose(x(2, 3, 4), [0, 2, 1]), [2, 4, 3]],
    ['concat', op.concat([x(1, 77, 8), x(1, 4, 8)], 1), [1, 81, 8]],
    ['slice', op.slice(x(1, 81, 8), 1, 77, 81), [1, 4, 8]],
    ['chunk', op.chunk(x(1, 4, 8), 2, 2)[1]!, [1, 4, 4]],
    ['pad', op.pad2d(x(1, 3, 5, 5), { right: 1, bottom: 1 }), [1, 3, 6, 6]],
    ['linear', op.linear(x(2, 7, 8), x(5, 8)), [2, 7, 5]],
    ['matmul', op.matmul(x(2, 1, 3, 4), x(6, 4, 5)), [2, 6, 3, 5]],
    ['convolution of stride 2 rounds up', op.conv2d(x(1, 3, 15, 16), x(8, 3, 3, 3), undefined, { stride: 2, padding: 1 }), [1, 8, 8, 8]],
    ['pooling', op.maxPool2d(x(1, 3, 15, 16), 3, { stride: 2, padding: 1 }), [1, 3, 8, 8]],
    ['average pooling', op.globalAveragePool(x(2, 3, 5, 7)), [2, 3, 1, 1]],
    ['resize', op.resizeNearest(x(1, 3, 5, 7), 9, 13), [1, 3, 9, 13]],
    ['attention', op.attention(x(2, 16, 8), x(2, 77, 8), x(2, 77, 8), 4), [2, 16, 8]],
    ['attention probabilities', op.attentionProbabilities(x(2, 16, 8), x(2, 77, 8), 4).probabilities, [2, 4, 16, 77]],
    ['fused products', op.fusedMatmul(x(2, 4, 3), x(2, 5, 4), { transA: true, transB: true }), [2, 3, 5]],
    ['split', op.split(x(6, 4), 3, 0)[2]!, [2, 4]],
    ['reductions drop axes', op.reduceSum(x(2, 3, 4), [0, -1]), [3]],
    ['reductions keep axes', op.reduceMax(x(2, 3, 4), [1], true), [2, 1, 4]],
    ['reductions of all', op.reduceL2(x(2, 3)), []],
    ['depth to space', op.depthToSpace(x(1, 12, 2, 3), 2), [1, 3, 4, 6]],
    ['space to depth', op.spaceToDepth(x(1, 3, 4, 6), 2), [1, 12, 2, 3]],
    ['argmax', op.argMax(x(2, 19, 4, 4), 1), [2, 4, 4]],
    ['gather', op.gather(x(100, 8), graph.input('ids', 'int64', [2, 77])), [2, 77, 8]],
    ['where', op.where(op.equal(x(6, 1), 0), x(6, 8), x(6, 8)), [6, 8]],
  ])('%s', (_, y, dims) => {
    expect(y.dims).toEqual(dims);
  });

  it.each<[string, () => Tensor, RegExp]>([
    ['broadcast', () => op.add(x(2, 3), x(4)), /\[2, 3\] and \[4\] do not go together/],
    ['reshape', () => op.reshape(x(2, 3), [4]), /\[2, 3\] cannot become \[4\]/],
    ['reshape with −1', () => op.reshape(x(2, 3), [4, -1]), /cannot become/],
    ['concat', () => op.concat([x(1, 2), x(2, 3)], 1), /cannot join/],
    ['slice', () => op.slice(x(1, 4), 1, 2, 5), /2 to 5 is not inside/],
    ['linear', () => op.linear(x(1, 4), x(3, 5)), /5 inputs got \[1, 4\]/],
    ['matmul', () => op.matmul(x(2, 3), x(2, 3)), /cannot multiply/],
    ['convolution', () => op.conv2d(x(1, 4, 8, 8), x(8, 3, 3, 3), undefined), /3 channels got/],
    ['heads', () => op.attention(x(1, 4, 10), x(1, 4, 10), x(1, 4, 10), 4), /10 channels cannot be shared by 4 heads/],
    ['groups', () => op.groupNorm(x(1, 10, 2, 2), x(10), x(10), 4, 1e-5), /10 channels cannot form 4 groups/],
    ['element types', () => op.add(x(1), graph.input('whole', 'int64', [1])), /float32 and int64/],
    ['axes', () => op.argMax(x(2, 3), 2), /Axis 2/],
  ])('refuses a wrong %s', (_, build, message) => {
    expect(build).toThrow(message);
  });
});

describe('graph', () => {
  const build = (): Graph => {
    const g = new Graph('small');
    const a = g.input('a', 'float32', [1, 4]);
    const weight = g.constant({ name: 'fc.weight', dtype: 'float32', dims: [3, 4], recipe: 'fc.weight', bytes: () => new Uint8Array(48) });
    const unused = op.relu(a);
    expect(unused.dims).toEqual([1, 4]);
    g.output('y', op.mul(op.linear(op.reshape(a, [1, 1, 4]), weight), 2));
    return g;
  };

  it('puts other nodes in the place of one, under its name', () => {
    const g = new Graph('replaced');
    const a = g.input('a', 'float32', [2]);
    const y = op.silu(a);
    g.output('z', op.relu(y));
    g.replace(g.nodes[0]!, () => [op.mul(a, op.sigmoid(a))]);
    expect(print(g).split('\n').slice(2, 5)).toEqual([
      '  sigmoid_3: float32[2] = Sigmoid(a)',
      '  quickgelu_0: float32[2] = Mul(a, sigmoid_3)',
      '  relu_1: float32[2] = Relu(quickgelu_0)',
    ]);
    expect(op.relu(y).name).toBe('relu_5');
  });

  it('prints nodes in order, without those no output needs', () => {
    expect(print(build())).toBe(
      [
        'graph small',
        '  input a: float32[1, 4]',
        '  reshape_1: float32[1, 1, 4] = Reshape(a, int64(1, 1, 4))',
        '  reshape_2: float32[1, 4] = Reshape(reshape_1, int64(1, 4))',
        '  gemm_3: float32[1, 3] = Gemm(reshape_2, fc.weight [3, 4], -) transB=1',
        '  reshape_4: float32[1, 1, 3] = Reshape(gemm_3, int64(1, 1, 3))',
        '  mul_5: float32[1, 1, 3] = Mul(reshape_4, float32[](2))',
        '  y: float32[1, 1, 3] = Identity(mul_5)',
        '  output y',
        '',
      ].join('\n'),
    );
  });

  it('counts multiply-accumulates', () => {
    expect(countMacs(build())).toBe(12);
    const g = new Graph('counts');
    const image = g.input('image', 'float32', [1, 3, 8, 8]);
    const pixels = op.transpose(
      op.reshape(op.conv2d(image, g.input('w', 'float32', [16, 3, 3, 3]), undefined, { padding: 1 }), [1, 16, 64]),
      [0, 2, 1],
    );
    g.output('y', op.attention(pixels, pixels, pixels, 2));
    expect(countMacs(g)).toBe(16 * 64 * 27 + 2 * 64 * 64 * 16);
  });

  it('refuses two values of one name', () => {
    const g = build();
    expect(() => g.input('a', 'float32', [1])).toThrow(/"a" already/);
  });
});

describe('rewrite', () => {
  const g = new Graph('small');
  g.sources.add('fingerprint');
  const weight = g.constant({ name: 'w', dtype: 'float32', dims: [4], recipe: 'w', bytes: () => new Uint8Array(16) });
  g.output('y', op.relu(op.add(g.input('a', 'float32', [1, 4]), weight)));

  it('leaves a graph as it is where no rule says otherwise', () => {
    const same = rewrite(g, () => undefined);
    expect(print(same)).toBe(print(g));
    expect(same.sources).toEqual(g.sources);
  });

  it('puts other nodes in the place of one, and forgets what nothing reads any more', () => {
    const other = rewrite(g, ({ op: name }, [a]) => (name === 'Add' ? op.mul(op.cast(op.cast(a!, 'float16'), 'float32'), 2) : undefined));
    expect(other.liveNodes().map(({ op: name }) => name)).toEqual(['Cast', 'Cast', 'Mul', 'Relu', 'Identity']);
    expect(other.constantsOf(other.liveNodes()).map(({ name }) => name)).toEqual(['float32[](2)']);
  });
});
