/** Float32 arrays: joined, and as one file in the safetensors format, which is how identities and prompt rows travel between stages. */
import { elementCount, float32, floats, type Outputs, type TensorOf } from '@likeness/inference';
import { PipelineError } from './errors.ts';

export type FloatTensor = TensorOf<'float32'>;
export type FloatTensors = Readonly<Record<string, FloatTensor>>;

/** 8-byte little-endian header length, a JSON header padded to 8 bytes, the arrays one after another. Equal tensors give equal bytes. */
export function writeTensors(tensors: FloatTensors, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  for (const [name, { dims, data }] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: dims, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = Buffer.alloc(8 + headerLength + end, ' ');
  file.writeBigUInt64LE(BigInt(headerLength));
  json.copy(file, 8);
  let at = 8 + headerLength;
  for (const { data } of Object.values(tensors)) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/** What `writeTensors` wrote. @throws PipelineError `invalid_argument` when the bytes are something else or incomplete */
export function readTensors(file: Uint8Array): FloatTensors {
  const damaged = (what: string) => new PipelineError('invalid_argument', `The tensor file ${what}.`, { bytes: file.length });
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 8) throw damaged('is shorter than its header');
  const start = 8 + Number(view.getBigUint64(0, true));
  if (start > file.length) throw damaged('is shorter than its header');
  let header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  try {
    header = JSON.parse(Buffer.from(file.subarray(8, start)).toString('utf8')) as typeof header;
  } catch {
    throw damaged('has a header that is no JSON');
  }
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return Object.fromEntries(
    entries.map(([name, { dtype, shape, data_offsets }]) => {
      const [from, to] = data_offsets;
      if (dtype !== 'F32' || to - from !== 4 * elementCount(shape) || start + to > file.length)
        throw damaged(`has a damaged entry "${name}"`);
      return [name, float32(shape, new Float32Array(Uint8Array.from(file.subarray(start + from, start + to)).buffer))]; // a copy: the offset need not be aligned
    }),
  );
}

/** The tensor of that name, which must be there. */
export function tensorOf(tensors: FloatTensors, name: string): FloatTensor {
  const tensor = tensors[name];
  if (!tensor)
    throw new PipelineError('invalid_argument', `The tensor file lacks "${name}"; it has ${Object.keys(tensors).join(', ')}.`, { name });
  return tensor;
}

/** Joined along the first axis. */
export function stackRows(...rows: readonly FloatTensor[]): FloatTensor {
  const [, ...rest] = rows[0]!.dims;
  const data = new Float32Array(rows.reduce((n, row) => n + row.data.length, 0));
  let at = 0;
  for (const row of rows) {
    data.set(row.data, at);
    at += row.data.length;
  }
  return float32([rows.reduce((n, { dims }) => n + dims[0]!, 0), ...rest], data);
}

/** [1, n, C] and [1, m, C] → [1, n + m, C]. */
export function joinTokens(first: FloatTensor, second: FloatTensor): FloatTensor {
  const joined = stackRows(float32(first.dims.slice(1), first.data), float32(second.dims.slice(1), second.data));
  return float32([1, ...joined.dims], joined.data);
}

/** [1, n, C] and [1, n, D] → [1, n, C + D]. */
export function joinChannels(first: FloatTensor, second: FloatTensor): FloatTensor {
  const [rows = 0, c = 0, d = 0] = [first.dims[1], first.dims[2], second.dims[2]];
  const data = new Float32Array(rows * (c + d));
  for (let i = 0; i < rows; i++) {
    data.set(first.data.subarray(i * c, (i + 1) * c), i * (c + d));
    data.set(second.data.subarray(i * d, (i + 1) * d), i * (c + d) + c);
  }
  return float32([1, rows, c + d], data);
}

/** The output of that name of a network's run. */
export function outputOf(outputs: Outputs, name: string): FloatTensor {
  const tensor = outputs[name];
  if (!tensor)
    throw new PipelineError('model_unusable', `The network has no output "${name}", but ${Object.keys(outputs).join(', ')}.`, { name });
  return float32(tensor.dims, floats(tensor, name));
}
