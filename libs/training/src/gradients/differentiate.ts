import { op, type Graph, type Node, type Tensor } from '@likeness/graph';
import type { Derivative, Derivatives, Step } from './derivative.ts';
import { elementwise } from './elementwise.ts';
import { GradientError } from './errors.ts';
import { layout } from './layout.ts';
import { normalisations } from './normalise.ts';
import { products } from './products.ts';
import { reductions } from './reduce.ts';
import { windows } from './windows.ts';

/** By operator, with its domain where that is not ONNX itself. */
const derivatives: Derivatives = { ...elementwise, ...layout, ...normalisations, ...products, ...reductions, ...windows };

/**
 * Appends to a graph the gradients of a loss (float32, one element) by each tensor of `wrt`, of the shapes of these, by going through the
 * nodes in reverse. Only what lies between `wrt` and the loss is differentiated; whole numbers and truth values pass nothing on.
 * A tensor that the loss does not depend on has the gradient zero.
 * @throws GradientError `no_gradient` names an operator on the way whose derivative is not known
 */
export function differentiate(graph: Graph, loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.dtype !== 'float32' || loss.dims.some((d) => d !== 1))
    throw new GradientError('loss_not_scalar', `The loss "${loss.name}" is ${loss.dtype}[${loss.dims.join(', ')}], not one float32.`);
  const nodes = [...graph.nodes];
  const variable = dependents(nodes, wrt);
  const gradients = new Map<string, Tensor>();
  const addTo = ({ name }: Tensor, part: Tensor) => {
    const sum = gradients.get(name);
    gradients.set(name, sum ? op.add(sum, part) : part);
  };
  addTo(loss, graph.floats(new Array<number>(1).fill(1), loss.dims));

  for (const node of nodes.toReversed()) {
    const byOutputs = node.outputs.map(({ name }) => gradients.get(name));
    if (!variable.has(node) || byOutputs.every((gradient) => gradient === undefined)) continue;
    const byInputs = derivativeOf(node)(stepOf(graph, node, byOutputs));
    for (const [i, input] of node.inputs.entries()) {
      if (!input || !variable.hasValue(input)) continue;
      const gradient = byInputs[i]?.();
      if (gradient) addTo(input, gradient);
    }
  }
  return wrt.map((tensor) => gradients.get(tensor.name) ?? graph.node('Expand', [graph.floats([0], [1]), graph.ints(tensor.dims)], tensor));
}

/** The nodes and values that change when one of `wrt` does, as far as a derivative can follow. */
function dependents(nodes: readonly Node[], wrt: readonly Tensor[]): { has(node: Node): boolean; hasValue(value: Tensor): boolean } {
  const values = new Set(wrt.map(({ name }) => name));
  const found = new Set<Node>();
  for (const node of nodes) {
    if (!node.inputs.some((input) => input && values.has(input.name))) continue;
    const outputs = node.outputs.filter(({ dtype }) => dtype === 'float32' || dtype === 'float64');
    if (outputs.length > 0) found.add(node);
    for (const { name } of outputs) values.add(name);
  }
  return { has: (node) => found.has(node), hasValue: ({ name }) => values.has(name) };
}

function derivativeOf(node: Node): Derivative {
  const name = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
  const derivative = derivatives[name];
  if (!derivative) throw new GradientError('no_gradient', `${name} "${node.outputs[0]!.name}" has no derivative.`);
  return derivative;
}

const stepOf = (graph: Graph, node: Node, gradients: readonly (Tensor | undefined)[]): Step => ({
  graph,
  node,
  inputs: node.inputs as readonly Tensor[],
  y: node.outputs[0]!,
  gradients,
  get dy() {
    const [first] = gradients;
    if (!first) throw new GradientError('no_gradient', `Of ${node.op} "${node.outputs[0]!.name}" only the first output has a derivative.`);
    return first;
  },
});
