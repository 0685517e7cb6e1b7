import type { Attribute, Constant, Graph, Node } from '../graph.ts';
import { elementTypes } from '../ops/elementwise.ts';
import type { Tensor } from '../tensor.ts';
import { Message } from './protobuf.ts';

/** Operator sets the graphs are written against. */
const irVersion = 10;
const opset = { '': 21, 'com.microsoft': 1 } as const;

/** Where a constant's bytes lie when they are not in the ONNX file; `location` is relative to a folder given at load. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** ModelProto of a graph (onnx.proto, IR version 10). Constants that `external` knows are referred to, the others included. */
export function serialize(graph: Graph, external: (constant: Constant) => ExternalData | undefined): Uint8Array {
  const nodes = graph.liveNodes();
  const body = new Message();
  for (const node of nodes) body.message(1, nodeProto(node));
  body.string(2, graph.name);
  for (const constant of graph.constantsOf(nodes)) body.message(5, tensorProto(constant, external(constant)));
  for (const input of graph.inputs) body.message(11, valueInfo(input));
  for (const output of graph.outputs) body.message(12, valueInfo(output));

  const model = new Message().int(1, irVersion).string(2, 'likeness').message(7, body);
  for (const [domain, version] of Object.entries(opset)) model.message(8, new Message().string(1, domain).int(2, version));
  return model.toBytes();
}

function nodeProto({ op, domain, inputs, outputs, attributes }: Node): Message {
  const proto = new Message();
  for (const input of inputs) proto.string(1, input?.name ?? '');
  for (const output of outputs) proto.string(2, output.name);
  proto.string(3, outputs[0]!.name).string(4, op);
  for (const [name, value] of Object.entries(attributes)) proto.message(5, attributeProto(name, value));
  return domain === '' ? proto : proto.string(7, domain);
}

function attributeProto(name: string, value: Attribute): Message {
  const proto = new Message().string(1, name);
  if (typeof value === 'number') return proto.int(3, value).int(20, 2);
  if (typeof value === 'string') return proto.string(4, value).int(20, 3);
  if ('float' in value) return proto.float(2, value.float).int(20, 1);
  return proto.ints(8, value).int(20, 7);
}

function tensorProto(constant: Constant, external: ExternalData | undefined): Message {
  const proto = new Message().ints(1, constant.dims).int(2, elementTypes[constant.dtype]).string(8, constant.name);
  if (!external) return proto.bytes(9, constant.bytes());
  const entries = { location: external.location, offset: String(external.offset), length: String(external.length) };
  for (const [key, value] of Object.entries(entries)) proto.message(13, new Message().string(1, key).string(2, value));
  return proto.int(14, 1);
}

function valueInfo({ name, dtype, dims }: Tensor): Message {
  const shape = new Message();
  for (const d of dims) shape.message(1, new Message().int(1, d));
  const type = new Message().int(1, elementTypes[dtype]).message(2, shape);
  return new Message().string(1, name).message(2, new Message().message(1, type));
}
