/** Writes ONNX files by hand, so that tests can write wrong ones. Field numbers are those of onnx.proto. */
import { Message } from '../onnx/protobuf.ts';

export interface NodeText {
  readonly op: string;
  readonly name?: string;
  readonly domain?: string;
  readonly attribute?: Message;
}

export function node({ op, name = 'n', domain, attribute }: NodeText): Message {
  const message = new Message().string(1, 'x').string(2, 'y').string(3, name).string(4, op);
  if (attribute) message.message(5, attribute);
  return domain === undefined ? message : message.string(7, domain);
}

export const port = (name: string, dims: readonly (number | string)[]): Message => {
  const shape = new Message();
  for (const d of dims) shape.message(1, typeof d === 'number' ? new Message().int(1, d) : new Message().string(2, d));
  return new Message().string(1, name).message(2, new Message().message(1, new Message().int(1, 1).message(2, shape)));
};

export interface TensorText {
  readonly name?: string;
  readonly dims: readonly number[];
  readonly type?: number;
  readonly raw?: Uint8Array;
  readonly location?: string;
}

export function tensor({ name = 'w', dims, type = 1, raw, location }: TensorText): Message {
  const message = new Message().ints(1, dims).int(2, type).string(8, name);
  if (raw) message.bytes(9, raw);
  if (location !== undefined) message.message(13, new Message().string(1, 'location').string(2, location)).int(14, 1);
  return message;
}

export interface GraphText {
  readonly nodes?: readonly Message[];
  readonly initializers?: readonly Message[];
  readonly inputs?: readonly Message[];
  readonly outputs?: readonly Message[];
}

export function onnx({
  nodes = [node({ op: 'Relu' })],
  initializers = [],
  inputs = [port('x', [1, 3, 112, 112])],
  outputs = [port('y', [1, 512])],
}: GraphText = {}): Uint8Array {
  const graph = new Message();
  for (const each of nodes) graph.message(1, each);
  for (const each of initializers) graph.message(5, each);
  for (const each of inputs) graph.message(11, each);
  for (const each of outputs) graph.message(12, each);
  return new Message().int(1, 8).message(7, graph).message(8, new Message().string(1, '').int(2, 17)).toBytes();
}
