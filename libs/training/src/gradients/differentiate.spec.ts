import { describe, expect, it } from 'vitest';
import { Graph, op, print } from '@likeness/graph';
import { differentiate } from './differentiate.ts';

const scalar = (graph: Graph) => ({ x: graph.input('x', 'float32', [3]), w: graph.input('w', 'float32', [3]) });

describe('differentiate', () => {
  it('sums what reaches a tensor by several ways, and leaves out what leads nowhere', () => {
    const graph = new Graph('two ways');
    const { x, w } = scalar(graph);
    const product = op.mul(x, w);
    op.exp(product); // no part of the loss
    const [gradient] = differentiate(graph, op.reduceSum(op.add(product, w)), [w]);
    graph.output('gradient', gradient!);
    expect(print(graph).split('\n')).toEqual([
      'graph two ways',
      '  input x: float32[3]',
      '  input w: float32[3]',
      '  reshape_5: float32[1] = Reshape(float32[](1), int64(1))',
      '  expand_6: float32[3] = Expand(reshape_5, int64(3))',
      '  mul_7: float32[3] = Mul(expand_6, x)',
      '  add_8: float32[3] = Add(expand_6, mul_7)',
      '  gradient: float32[3] = Identity(add_8)',
      '  output gradient',
      '',
    ]);
  });

  it('gives zeros for what the loss does not depend on', () => {
    const graph = new Graph('apart');
    const { x, w } = scalar(graph);
    const [gradient] = differentiate(graph, op.reduceSum(x), [w]);
    expect(graph.nodes.find(({ outputs }) => outputs[0] === gradient)).toMatchObject({ op: 'Expand', outputs: [{ dims: [3] }] });
  });

  it('needs no derivative of what lies beside the way', () => {
    const graph = new Graph('beside');
    const { x, w } = scalar(graph);
    const odd = graph.node('IsNaN', [x], { dtype: 'bool', dims: [3] });
    const rounded = graph.node('Round', [op.cast(odd, 'float32')], x);
    expect(() => differentiate(graph, op.reduceSum(op.mul(w, rounded)), [w])).not.toThrow();
  });

  it('names an operator whose derivative is not known', () => {
    const graph = new Graph('unknown');
    const { w } = scalar(graph);
    const loss = op.reduceSum(graph.node('Round', [w], w));
    expect(() => differentiate(graph, loss, [w])).toThrow(
      expect.objectContaining({ code: 'no_gradient', message: 'Round "round_0" has no derivative.' }) as Error,
    );
  });

  it('refuses a loss of several elements', () => {
    const graph = new Graph('wide');
    const { w } = scalar(graph);
    expect(() => differentiate(graph, w, [w])).toThrow(
      expect.objectContaining({ code: 'loss_not_scalar', message: 'The loss "w" is float32[3], not one float32.' }) as Error,
    );
  });
});
