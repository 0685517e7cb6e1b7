/** Arrays as one file in the safetensors format, which is how an identity travels between stages; and float32 arrays joined. */
import { elementCount, float32, floats, type Outputs, type TensorOf } from '@likeness/inference';
import { z } from 'zod';
import { PipelineError } from './errors.ts';

export type FloatTensor = TensorOf<'float32'>;
/** What such a file may hold here. */
export type StoredTensor = TensorOf<'float32' | 'float64' | 'uint8'>;

export interface TensorFile {
  readonly tensors: Readonly<Record<string, StoredTensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const elements = {
  F32: { dtype: 'float32', array: Float32Array },
  F64: { dtype: 'float64', array: Float64Array },
  U8: { dtype: 'uint8', array: Uint8Array },
} as const;
const nameOf = { float32: 'F32', float64: 'F64', uint8: 'U8' } as const;

const Header = z.record(
  z.string(),
  z.object({ dtype: z.enum(['F32', 'F64', 'U8']), shape: z.array(z.int().min(0)), data_offsets: z.tuple([z.int().min(0), z.int()]) }),
);
const Metadata = z.record(z.string(), z.string());

/** 8-byte little-endian header length, a JSON header padded to 8 bytes, the arrays one after another. Equal tensors give equal bytes. */
export function writeTensors(tensors: TensorFile['tensors'], metadata: TensorFile['metadata'] = {}): Uint8Array {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  for (const [name, { dtype, dims, data }] of Object.entries(tensors)) {
    header[name] = { dtype: nameOf[dtype], shape: dims, data_offsets: [end, end + data.byteLength] };
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
export function readTensors(file: Uint8Array): TensorFile {
  const damaged = (what: string) => new PipelineError('invalid_argument', `The tensor file ${what}.`, { bytes: file.length });
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 8) throw damaged('is shorter than its header');
  const start = 8 + Number(view.getBigUint64(0, true));
  if (start > file.length) throw damaged('is shorter than its header');
  let metadata: TensorFile['metadata'];
  let header: z.infer<typeof Header>;
  try {
    const { __metadata__, ...entries } = JSON.parse(Buffer.from(file.subarray(8, start)).toString('utf8')) as Record<string, unknown>;
    metadata = Metadata.parse(__metadata__ ?? {});
    header = Header.parse(entries);
  } catch {
    throw damaged('has a header that makes no sense');
  }
  const tensors = Object.entries(header).map(
    ([
      name,
      {
        dtype: stored,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      const { dtype, array } = elements[stored];
      if (to - from !== array.BYTES_PER_ELEMENT * elementCount(shape) || start + to > file.length)
        throw damaged(`has a damaged entry "${name}"`);
      const { buffer } = Uint8Array.from(file.subarray(start + from, start + to)); // a copy: the offset need not be aligned
      return [name, { dtype, dims: shape, data: new array(buffer) } as StoredTensor] as const;
    },
  );
  return { tensors: Object.fromEntries(tensors), metadata };
}

/** The float32 tensor of that name, which must be there. */
export function tensorOf({ tensors }: TensorFile, name: string): FloatTensor {
  const tensor = tensors[name];
  if (tensor?.dtype === 'float32') return tensor;
  const has = Object.keys(tensors).join(', ');
  throw new PipelineError('invalid_argument', `The tensor file lacks "${name}" as float32; it has ${has}.`, { name });
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
