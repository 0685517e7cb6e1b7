import { dialects, exportGraph, Graph, hashWeights, op, type Dialect, type Node, type Tensor } from '@likeness/graph';
import { createSession, float32, floats, int64, type Feeds } from '@likeness/inference';
import { clipTextConfig, clipTextGraph, clipVisionConfig, clipVisionGraph, unetConfig, unetGraph } from '@likeness/models';
import { describe, expect, it } from 'vitest';

/**
 * The operators of the CUDA provider put in those that every provider has, by the definitions of onnxruntime's ContribOperators.md.
 * So a graph for CUDA runs here, in halves; what is tested is the graph, not the provider.
 */
function inStandardOperators(cuda: Graph): Graph {
  const graph = new Graph(cuda.name);
  const values = new Map<string, Tensor>(cuda.inputs.map(({ name, dtype, dims }) => [name, graph.input(name, dtype, dims)]));
  const take = (tensor: Tensor): Tensor => {
    const known = values.get(tensor.name) ?? graph.constant(cuda.constants.get(tensor.name)!);
    values.set(tensor.name, known);
    return known;
  };
  const outputs = new Set(cuda.outputs.map(({ name }) => name));
  for (const node of cuda.liveNodes()) {
    const inputs = node.inputs.map((input) => input && take(input));
    if (outputs.has(node.outputs[0]!.name)) graph.output(node.outputs[0]!.name, inputs[0]!);
    else standard(graph, node, inputs).forEach((tensor, i) => values.set(node.outputs[i]!.name, tensor));
  }
  return graph;
}

const first = (x: Tensor) => op.transpose(x, [0, 3, 1, 2]);
const last = (x: Tensor) => op.transpose(x, [0, 2, 3, 1]);

function standard(
  graph: Graph,
  { op: name, domain, inputs: _, outputs, attributes }: Node,
  inputs: readonly (Tensor | undefined)[],
): Tensor[] {
  const [x, a, b] = inputs as [Tensor, Tensor, Tensor];
  const float = (key: string) => (attributes[key] as { float: number }).float;
  const norm = (sum: Tensor) => {
    const wide = op.groupNorm(op.cast(first(sum), 'float32'), a, b, attributes['groups'] as number, float('epsilon'));
    return last(op.cast(attributes['activation'] === 1 ? op.silu(wide) : wide, 'float16'));
  };
  switch (name) {
    case 'NhwcConv': {
      const { strides, pads } = attributes as unknown as { strides: [number]; pads: [number] };
      return [last(op.conv2d(first(x), first(a), b, { stride: strides[0], padding: pads[0] }))];
    }
    case 'GroupNorm':
      return [norm(x)];
    case 'SkipGroupNorm': {
      const sum = op.add(x, inputs[3]!);
      return [norm(sum), sum];
    }
    case 'BiasSplitGelu': {
      const [values, gates] = op.chunk(op.add(x, a), 2, 2) as [Tensor, Tensor];
      return [op.mul(values, op.gelu(gates))];
    }
    case 'MultiHeadAttention': {
      const unpacked = inputs.flatMap((input) => {
        if (input?.dims.length !== 5) return input ? [input] : [];
        const [batch, tokens, heads, count, width] = input.dims as [number, number, number, number, number];
        return op.chunk(input, count, 3).map((part) => op.reshape(part, [batch, tokens, heads * width]));
      });
      return [graph.node(name, unpacked, outputs[0]!, attributes, domain)];
    }
    default:
      return [graph.node(name, inputs, outputs[0]!, attributes, domain)];
  }
}

const weights = hashWeights(7);
const ramp = (...dims: number[]) => float32(dims, Float32Array.from({ length: dims.reduce((n, d) => n * d) }, (_, i) => Math.sin(i * 1.7))); // prettier-ignore

async function run(graph: Graph, inputs: Feeds): Promise<Float32Array> {
  const { bytes } = exportGraph(graph);
  const session = await createSession({ bytes, name: graph.name });
  const results = await session.run(inputs);
  await session.release();
  return floats(Object.values(results)[0]!);
}

/** Largest deviation from float32, in shares of the largest value. */
async function deviation(graph: Graph, inputs: Feeds, dialect: Dialect = 'cuda'): Promise<number> {
  const expected = await run(graph, inputs);
  const found = await run(inStandardOperators(dialects[dialect](graph)), inputs);
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return expected.reduce((most, x, i) => Math.max(most, Math.abs(x - found[i]!)), 0) / largest;
}

/** Halves have 11 bits; what the layers add up to stays below 1 %. A wrong layout or a wrong half of a weight is off by its whole size. */
const HALVES = 0.01;

describe('graphs for CUDA compute what those for the CPU do', () => {
  const adapter = { weights: hashWeights(8), config: { rank: 4, tokens: 4, lora_scale: 1 } };
  const small = { block_out_channels: [320, 64], layers_per_block: 1, norm_num_groups: 8, cross_attention_dim: 24 };

  it('the UNet of SD1.5, at an odd size', async () => {
    const config = unetConfig({
      ...small,
      attention_head_dim: 4,
      down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
      up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
    });
    const graph = unetGraph(weights, config, { batch: 2, height: 5, width: 6, tokens: 81, adapter });
    const inputs = { sample: ramp(2, 4, 5, 6), timestep: float32([2], Float32Array.of(999.25, 1)), encoder_hidden_states: ramp(2, 81, 24), ip_scale: float32([1], Float32Array.of(0.7)) }; // prettier-ignore
    expect(await deviation(graph, inputs)).toBeLessThan(HALVES);
    const operators = new Set(dialects.cuda(graph).liveNodes().map((node) => node.op)); // prettier-ignore
    for (const fused of ['NhwcConv', 'GroupNorm', 'SkipGroupNorm', 'BiasSplitGelu', 'MultiHeadAttention'])
      expect(operators).toContain(fused);
    for (const unfused of ['Conv', 'GroupNormalization']) expect(operators).not.toContain(unfused);
  });

  it('the UNet of SDXL', async () => {
    const config = unetConfig({
      ...small,
      attention_head_dim: [1, 2],
      transformer_layers_per_block: [1, 2],
      down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'],
      up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
      use_linear_projection: true,
      addition_embed_type: 'text_time',
      addition_time_embed_dim: 4,
      projection_class_embeddings_input_dim: 40,
    });
    const graph = unetGraph(weights, config, { height: 4, width: 4, tokens: 81, adapter });
    const sizes = float32([1, 6], Float32Array.of(1152, 865, 0, 0, 1152, 865));
    const inputs = { sample: ramp(1, 4, 4, 4), timestep: float32([1], Float32Array.of(500)), encoder_hidden_states: ramp(1, 81, 24), text_embeds: ramp(1, 16), time_ids: sizes, ip_scale: float32([1], Float32Array.of(1)) }; // prettier-ignore
    expect(await deviation(graph, inputs)).toBeLessThan(HALVES);
  });

  it('both CLIP towers', async () => {
    const clip = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2 };
    const text = clipTextGraph(weights, clipTextConfig({ ...clip, vocab_size: 100 }), { tokens: 7 });
    expect(await deviation(text, { input_ids: int64([1, 7], [1, 5, 99, 3, 2, 2, 2]) })).toBeLessThan(HALVES);
    const vision = clipVisionGraph(weights, clipVisionConfig({ ...clip, image_size: 8, patch_size: 4, projection_dim: 8 }));
    expect(await deviation(vision, { pixel_values: ramp(1, 3, 8, 8) })).toBeLessThan(HALVES);
  });
});
