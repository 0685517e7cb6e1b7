/**
 * Damages valid files of every format at random and reads them: `node --conditions=source fuzz-readers.ts SEED RUNS`. A reader may accept a
 * file, and then all of it can be read, or refuse it with the project's own error; anything else ends the run with the bytes that did it.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { Message } from '../onnx/protobuf.ts';
import { readOnnx } from '../onnx/read-model.ts';
import { WeightError } from '../weights/errors.ts';
import { openCheckpoint } from '../weights/open-checkpoint.ts';
import { unzipEntry } from '../weights/unzip.ts';
import { node, onnx, port, tensor } from './onnx-files.ts';
import { safetensors } from './tensors.ts';
import { floats, p, torchLegacy, torchZip, zip } from './torch-files.ts';

const values = floats(1, 2, 3, 4, 5, 6);
const views = p.ordered(
  ...[p.text('a'), p.dict(p.text('w'), p.tensor(p.storage('0', 6), 0, [2, 3], [3, 1]), p.text('n'), p.int(7))],
  ...[p.text('b'), p.tensor(p.storage('0', 6), 1, [3, 1], [2, 1])],
  ...[p.text('list'), ['](', p.tensor(p.storage('1', 3, 'HalfStorage'), 0, [3], [1]), 'N', 'eq\x01']],
);
const header = {
  __metadata__: { format: 'pt' },
  a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
  b: { dtype: 'F16', shape: [4], data_offsets: [16, 24] },
};

type Read = (path: string) => unknown;
const readWhole: Read = (path) => {
  const checkpoint = openCheckpoint(path);
  try {
    for (const key of checkpoint.keys) checkpoint.read(key);
  } finally {
    checkpoint.close();
  }
};
const formats: Readonly<Record<string, readonly [Uint8Array, Read]>> = {
  safetensors: [safetensors(header, values), readWhole],
  'torch zip': [torchZip(views, { 0: values, 1: values.subarray(0, 6) }), readWhole],
  'torch before 1.6': [torchLegacy(views, { 0: { count: 6, data: values }, 1: { count: 3, data: values.subarray(0, 6) } }), readWhole],
  onnx: [
    onnx({
      nodes: [
        node({ op: 'Relu' }),
        node({ op: 'Constant', attribute: new Message().string(1, 'value').message(5, tensor({ dims: [2], raw: new Uint8Array(8) })) }),
      ],
      initializers: [tensor({ dims: [2, 3], raw: values }), tensor({ name: 'v', dims: [0] })],
      inputs: [port('x', [1, 3, 'height', 112]), port('w', [2, 3])],
    }),
    readOnnx,
  ],
  'deflated zip': [
    zip({ 'faces/model.onnx': values }, { pack: deflateRawSync }),
    (path) => unzipEntry(path, 'model.onnx', `${path}.unpacked`, createHash('sha256').update(values).digest('hex')),
  ],
};

/** Numbers at which readers break. */
const edges = [0, 1, 0x7f, 0x80, 0xff].map((byte) => [byte]);
const words = [0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff].map((word) => [...new Uint8Array(Uint32Array.of(word).buffer)]);
const longs = [[...new Uint8Array(8).fill(0xff)], [0, 0, 0, 0, 0, 0, 0, 0x80], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]];
const opcodes = [...'(.0123RQbcioljtehsuapqr}]\x80\x81\x82\x85\x86\x87\x8a\x93'].map((c) => [c.charCodeAt(0)]);

const edit = fc.record({
  at: fc.noBias(fc.nat(1 << 30)),
  remove: fc.oneof({ weight: 10, arbitrary: fc.constant(-1) }, fc.nat(12), fc.nat(400)),
  insert: fc.oneof(fc.constantFrom(...edges, ...words, ...longs, ...opcodes), fc.array(fc.nat(255), { minLength: 1, maxLength: 2 })),
  copyFrom: fc.option(fc.noBias(fc.nat(1 << 30)), { freq: 6 }),
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function damaged(file: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let bytes = Buffer.from(file);
  for (const { at, remove, insert, copyFrom } of edits) {
    const start = at % (bytes.length + 1);
    const put = copyFrom === null ? Buffer.from(insert) : bytes.subarray(copyFrom % (bytes.length + 1)).subarray(0, 64);
    const end = Math.min(start + (remove < 0 ? put.length : remove), bytes.length); // -1 overwrites
    bytes = Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)]);
  }
  return bytes;
}

const [seed = 1, runs = 1000] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
const path = join(folder, 'file');
const before = process.resourceUsage().maxRSS;
const counts = { accepted: 0, refused: 0 };
let slowest = 0;
try {
  for (const [file, read] of Object.values(formats)) {
    writeFileSync(path, file);
    await read(path);
  }
  const property = fc.asyncProperty(
    fc.constantFrom(...Object.keys(formats)),
    fc.array(edit, { minLength: 1, maxLength: 3, size: 'max' }),
    async (format, edits) => {
      const [file, read] = formats[format]!;
      writeFileSync(path, damaged(file, edits));
      const begun = performance.now();
      try {
        await read(path);
        counts.accepted += 1;
      } catch (error) {
        if (!(error instanceof WeightError) || error.code !== 'checkpoint_refused' || !error.message.startsWith(path)) throw error;
        counts.refused += 1;
      }
      slowest = Math.max(slowest, performance.now() - begun);
    },
  );
  await fc.assert(property, { seed, numRuns: runs });
} finally {
  rmSync(folder, { recursive: true });
}
console.log(JSON.stringify({ ...counts, slowest: Math.round(slowest), growth: (process.resourceUsage().maxRSS - before) * 1024 }));
