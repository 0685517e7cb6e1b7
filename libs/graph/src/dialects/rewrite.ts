import { Graph, type Node } from '../graph.ts';
import type { Tensor } from '../tensor.ts';

/** What stands for a node in the new graph, from its inputs there; undefined: the node as it is. */
export type Rule = (node: Node, inputs: readonly (Tensor | undefined)[]) => Tensor | undefined;

/** The graph again, node by node, with the same inputs, outputs and sources. A constant is found by `tensor.graph.constants.get(tensor.name)`. */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const result = new Graph(graph.name);
  for (const fingerprint of graph.sources) result.sources.add(fingerprint);
  const values = new Map<string, Tensor>();
  for (const { name, dtype, dims } of graph.inputs) values.set(name, result.input(name, dtype, dims));

  const take = (tensor: Tensor): Tensor => {
    const known = values.get(tensor.name) ?? result.constant(graph.constants.get(tensor.name)!);
    values.set(tensor.name, known);
    return known;
  };
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.liveNodes()) {
    const [output] = node.outputs as [Tensor];
    const inputs = node.inputs.map((input) => input && take(input));
    if (outputs.has(output.name)) values.set(output.name, result.output(output.name, inputs[0]!));
    else {
      const ruled = rule(node, inputs);
      const made = ruled ? [ruled] : result.nodeOfMany(node.op, inputs, node.outputs, node.attributes, node.domain);
      for (const [i, { name }] of node.outputs.entries()) if (made[i]) values.set(name, made[i]);
    }
  }
  return result;
}
