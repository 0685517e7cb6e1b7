/** The names of an ONNX graph's first nodes, read off the protobuf without parsing the model. */
import { PipelineError } from '../errors.ts';

/** Field numbers of onnx.proto. */
const MODEL_GRAPH = 7;
const GRAPH_NODE = 1;
const NODE_NAME = 3;

const LENGTH_DELIMITED = 2;

/** Names of the first `count` nodes in the graph's order; an unnamed node is "". @throws PipelineError `model_unusable` when the bytes are no ONNX model */
export function onnxNodeNames(model: Uint8Array, count: number): string[] {
  const names: string[] = [];
  for (const graph of fields(model, MODEL_GRAPH)) {
    for (const node of fields(graph, GRAPH_NODE)) {
      if (names.length === count) return names;
      const [name] = fields(node, NODE_NAME);
      names.push(name ? Buffer.from(name).toString('utf8') : '');
    }
  }
  if (names.length === 0) throw unusable('has no graph');
  return names;
}

const unusable = (what: string) => new PipelineError('model_unusable', `The ONNX file ${what}.`);

/** The payloads of one length-delimited field of a message; all else is skipped. */
function* fields(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw unusable('ends within a number');
      value += (byte & 0x7f) * 2 ** shift; // beyond 2^53 only the magnitude matters
      if (byte < 0x80) return value;
    }
    throw unusable('holds a number of more than 64 bits');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw unusable('ends within a field');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === LENGTH_DELIMITED) {
      const payload = take(varint());
      if (field === wanted) yield payload;
    } else if (wire === 0) varint();
    else if (wire === 1) take(8);
    else if (wire === 5) take(4);
    else throw unusable(`holds a field of wire type ${wire}`);
  }
}
