import type { Attribute, Graph } from './graph.ts';
import type { Shape, Tensor } from './tensor.ts';

/** A graph as text, one line per node in order, weights by their checkpoint key: made to be read and to be diffed. */
export function print(graph: Graph): string {
  const type = ({ dtype, dims }: Shape) => `${dtype}[${dims.join(', ')}]`;
  const reference = (tensor: Tensor | undefined) => {
    if (!tensor) return '-';
    const constant = graph.constants.get(tensor.name);
    return constant && !constant.literal ? `${tensor.name} [${tensor.dims.join(', ')}]` : tensor.name;
  };
  const lines = [`graph ${graph.name}`];
  for (const input of graph.inputs) lines.push(`  input ${input.name}: ${type(input)}`);
  for (const { op, inputs, outputs, attributes } of graph.liveNodes()) {
    const options = Object.entries(attributes).map(([name, value]) => ` ${name}=${shown(value)}`);
    const named = outputs.map((output) => `${output.name}: ${type(output)}`).join(', ');
    lines.push(`  ${named} = ${op}(${inputs.map(reference).join(', ')})${options.join('')}`);
  }
  lines.push(`  output ${graph.outputs.map(({ name }) => name).join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function shown(value: Attribute): string {
  if (typeof value === 'number' || typeof value === 'string') return String(value);
  return 'float' in value ? String(value.float) : `[${value.join(', ')}]`;
}
