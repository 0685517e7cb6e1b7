/** Files that are made to do harm: to run code, to read elsewhere, to exhaust memory or time. Each is refused with file, entry and reason. */
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Message } from '../onnx/protobuf.ts';
import { readOnnx } from '../onnx/read-model.ts';
import { node, onnx, port, tensor } from '../testing/onnx-files.ts';
import { safetensors } from '../testing/tensors.ts';
import { bytesOf, floats, p, torchLegacy, torchZip, zip, type Piece } from '../testing/torch-files.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { unzipEntry } from './unzip.ts';

let folder: string;
beforeAll(() => void (folder = realpathSync(mkdtempSync(join(tmpdir(), 'hostile-')))));
afterAll(() => rmSync(folder, { recursive: true }));

const written = (bytes: Uint8Array): string => {
  const path = join(folder, 'file');
  writeFileSync(path, bytes);
  return path;
};
const refusal = (reason: RegExp) =>
  expect.objectContaining({
    code: 'checkpoint_refused',
    message: expect.stringMatching(new RegExp(`^${folder}/file: .*${reason.source}`, 's')) as string,
  }) as Error;

const four = floats(1, 2, 3, 4);
const f32 = (begin: number, end: number) => ({ dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end] });
const withLength = (length: bigint) => {
  const bytes = safetensors({ a: f32(0, 16) }, four);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
};
const named = (value: Piece): Piece => p.dict(p.text('w'), value);
const whole = p.tensor(p.storage('0', 4), 0, [4], [1]);
const withStorage = (value: Piece) => torchZip(named(value), { 0: four });
const patched = (bytes: Uint8Array, signature: string, offset: number, ...values: number[]) => {
  const at = Buffer.from(bytes).lastIndexOf(Buffer.from(signature, 'latin1'));
  const copy = Uint8Array.from(bytes);
  copy.set(values, at + offset);
  return copy;
};
const all = [0xff, 0xff, 0xff, 0xff];
const plain = () => withStorage(whole);

describe('a checkpoint', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['a header of 2⁶⁴ bytes', withLength(2n ** 64n - 1n), /header: claims 18446744073709551615/],
    ['a header of -1 bytes more', withLength(2n ** 63n), /header: claims/],
    ['a header that ends in its own data', withLength(80n), /header/],
    ['a header of nothing', safetensors('{}', four), /data: 16 bytes belong to no tensor/],
    ['a list for a header', bytesOf([safetensors('[1,2]').subarray(0, 8), '{[1]}']), /header/],
    ['nested entries', safetensors('{"a":{"b":{"c":{"d":1}}}}', four), /header: is nested more than 3 deep/],
    [
      'a prototype',
      safetensors('{"__proto__":{"dtype":"F32","shape":[8],"data_offsets":[0,16]}}', four),
      /__proto__: F32\[8\] does not fit/,
    ],
    [
      'a prototype within an entry',
      safetensors('{"a":{"__proto__":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}}', four),
      /nested more|unknown element type/,
    ],
    ['offsets that run backwards', safetensors({ a: { ...f32(0, 16), data_offsets: [16, 0] } }, four), /a: F32\[4\] does not fit/],
    ['one offset', safetensors({ a: { ...f32(0, 16), data_offsets: [0] } }, four), /impossible offsets \[0\]/],
    ['text for a shape', safetensors({ a: { ...f32(0, 16), shape: 'four' } }, four), /impossible shape "four"/],
    ['a shape of lists', safetensors({ a: { ...f32(0, 16), shape: [[4]] } }, four), /nested more|impossible shape/],
    [
      'a shape whose product overflows to what fits',
      safetensors({ a: { ...f32(0, 16), shape: [2 ** 32, 2 ** 32] } }, four),
      /impossible shape/,
    ],
    ['type and shape of another tensor', safetensors({ a: { ...f32(0, 16), dtype: 'F64' } }, four), /F64\[4\] does not fit/],
    ['no type', safetensors({ a: { shape: [4], data_offsets: [0, 16] } }, four), /unknown element type/],
    ['metadata of objects', safetensors('{"__metadata__":{"a":{}}}'), /table of strings/],
    ['bytes that are no UTF-8', bytesOf([safetensors('{"a":"??"}').subarray(0, 8), '{"a":"\xff\xfe"}']), /is not JSON/],
    ['an unterminated text of escapes', safetensors(`{"${'\\"'.repeat(10_000)}`), /is not JSON/],

    ['os.system by REDUCE', withStorage(p.call(p.global('os', 'system'), p.text('id'))), /data\.pkl: names the global "os\.system"/],
    ['builtins.eval', withStorage(p.call(p.global('builtins', 'eval'), p.text('1'))), /builtins\.eval/],
    [
      'builtins.getattr on torch',
      withStorage(p.call(p.global('builtins', 'getattr'), p.global('torch', 'Size'), p.text('x'))),
      /builtins\.getattr/,
    ],
    [
      'runpy below a Lightning checkpoint',
      torchZip(p.dict(p.text('callbacks'), p.global('runpy', 'run_path'), p.text('w'), whole), { 0: four }),
      /runpy\.run_path/,
    ],
    ['numpy.core.multiarray._reconstruct', withStorage(p.global('numpy.core.multiarray', '_reconstruct')), /_reconstruct/],
    ['a name of the prototype chain', withStorage(p.global('torch', 'constructor')), /torch\.constructor/],
    ['a module of the prototype chain', withStorage(p.global('__proto__', 'call')), /__proto__\.call/],
    ['a call of a storage class', withStorage(p.call(p.global('torch', 'FloatStorage'), p.int(4))), /calls torch\.FloatStorage/],
    ['a call of text', withStorage(p.call(p.text('os.system'), p.text('id'))), /calls "os\.system"/],
    ['EXT4 of the copy registry', withStorage('\x84\x01\x00\x00\x00'), /opcode 0x84/],
    ['a persistent id of text', withStorage(['P', 'storage\n']), /opcode 0x50/],
    ['a persistent id of a number', withStorage([p.int(7), 'Q']), /names the storage 7/],
    [
      'a persistent id of a path',
      withStorage(
        p.tensor(
          [p.tuple(p.text('storage'), p.global('torch', 'FloatStorage'), p.text('../../etc/passwd'), p.text('cpu'), p.int(4)), 'Q'],
          0,
          [4],
          [1],
        ),
      ),
      /its storage "\.\.\/\.\.\/etc\/passwd" is missing/,
    ],
    ['a number of 2³¹ digits', withStorage(['\x8b', Uint8Array.of(0xff, 0xff, 0xff, 0x7f)]), /opcode 0x8b/],
    ['a number in decimal', withStorage(`I${'9'.repeat(5000)}\n`), /opcode 0x49/],
    ['a text of 4 GB', withStorage(['X', Uint8Array.from(all)]), /holds a text of 4294967295 bytes/],
    ['a name of 64 kB', withStorage(['c', 'a'.repeat(65_536), '\nb\n']), /has a line of more than 4096 bytes/],
    [
      'a tensor of 2⁵⁰ dimensions by memo',
      withStorage(p.tensor(p.storage('0', 4), 0, Array<number>(65).fill(1), Array<number>(65).fill(1))),
      /a tensor with offset 0, shape/,
    ],
    ['a stride out of its storage', withStorage(p.tensor(p.storage('0', 4), 0, [2, 2], [4, 1])), /leaves its storage of 4 elements/],
    [
      'elements of nothing by strides of zero',
      withStorage(p.tensor(p.storage('0', 4), 0, [4_000_000], [0])),
      /would make 4000000 elements/,
    ],
    ['a key of a megabyte', torchZip(p.dict(p.text('k'.repeat(1000)), whole), { 0: four }), /beginning of a key of 1000 characters/],
    [
      'a storage that the pickle describes twice',
      torchLegacy(p.dict(p.text('a'), p.tensor(p.storage('0', 4), 0, [4], [1]), p.text('b'), p.tensor(p.storage('0', 2), 0, [2], [1])), {
        0: { count: 4, data: four },
      }),
      /described in two ways/,
    ],

    [
      'two entries of one name',
      bytesOf(
        Buffer.from(zip({ 'a/data.pkl': p.file('N'), 'b/data.pkl': p.file('N') }))
          .toString('latin1')
          .replaceAll('b/', 'a/'),
      ),
      /a\/data\.pkl: stands twice/,
    ],
    ['a directory past the end', patched(plain(), 'PK\x05\x06', 16, ...all), /zip directory: needs bytes/],
    ['a directory of 4 GB', patched(plain(), 'PK\x05\x06', 12, ...all), /zip directory: claims 2 entries in 4294967295 bytes/],
    ['an entry where none is', patched(plain(), 'PK\x01\x02', 42, 7, 0, 0, 0), /is not where the directory says/],
    [
      'an entry longer than the file',
      patched(patched(plain(), 'PK\x01\x02', 20, 0, 0, 0, 1), 'PK\x01\x02', 24, 0, 0, 0, 1),
      /claims 16777216 bytes/,
    ],
    ['stored bytes of two lengths', patched(plain(), 'PK\x01\x02', 24, 99, 0, 0, 0), /claims 99 bytes in 16/],
    ['an encrypted entry', patched(plain(), 'PK\x01\x02', 8, 1), /is encrypted/],
    ['more entries than its directory has', patched(plain(), 'PK\x05\x06', 10, 9), /zip directory: entry 2 is broken/],
    [
      'a zip64 locator to nowhere',
      bytesOf([
        plain().subarray(0, -22),
        'PK\x06\x07',
        new Uint8Array(4),
        Uint8Array.from([...all, 0, 0, 0, 0]),
        new Uint8Array(4),
        plain().subarray(-22),
      ]),
      /zip64 directory: needs bytes/,
    ],
    [
      'a zip64 locator to something else',
      bytesOf([plain().subarray(0, -22), 'PK\x06\x07', new Uint8Array(16), plain().subarray(-22)]),
      /zip64 directory: is not where the locator points/,
    ],
  ])('is refused for %s', (_, bytes, reason) => {
    expect(() => openCheckpoint(written(bytes))).toThrow(refusal(reason));
  });
});

describe('an ONNX file', () => {
  const graphIn = (field: number) =>
    node({ op: 'If', name: 'branch', attribute: new Message().string(1, 'then_branch').message(field, new Message()) });
  const eight = new Uint8Array(8);
  it.each<[string, Uint8Array, RegExp]>([
    [
      'weights beside it',
      onnx({ initializers: [tensor({ dims: [2], location: '../../etc/passwd' })] }),
      /initializer "w": lies in another file/,
    ],
    [
      'weights elsewhere by an attribute',
      onnx({
        nodes: [node({ op: 'Constant', name: 'c', attribute: new Message().message(5, tensor({ dims: [2], location: '/etc/passwd' })) })],
      }),
      /initializer "w": lies in another file/,
    ],
    [
      'an operator of a library',
      onnx({ nodes: [node({ op: 'Run', name: 'bad', domain: 'evil.ops' })] }),
      /node "bad": is the operator Run of "evil\.ops"/,
    ],
    ['a graph in a node', onnx({ nodes: [graphIn(6)] }), /node "branch": If has a graph inside/],
    ['graphs in a node', onnx({ nodes: [graphIn(11)] }), /If has a graph inside/],
    ['functions', bytesOf([onnx(), new Message().message(25, new Message().string(1, 'f')).toBytes()]), /has functions of its own/],
    ['a weight of 2⁶⁰ elements', onnx({ initializers: [tensor({ dims: [2 ** 30, 2 ** 30], raw: eight })] }), /"w" is an impossible tensor/],
    ['a weight without its bytes', onnx({ initializers: [tensor({ dims: [1_000_000_000] })] }), /but has 0 bytes/],
    [
      'a weight of fewer bytes than its shape',
      onnx({ initializers: [tensor({ dims: [4], raw: eight })] }),
      /is \[4\] of type 1, but has 8 bytes/,
    ],
    ['a weight of no type', onnx({ initializers: [tensor({ dims: [2], type: 99, raw: eight })] }), /impossible tensor: \[2\] of type 99/],
    ['a negative dimension', onnx({ initializers: [tensor({ dims: [-1], raw: eight })] }), /impossible tensor/],
    [
      'a weight of 100 dimensions',
      onnx({ initializers: [tensor({ dims: Array<number>(100).fill(1), raw: eight })] }),
      /more than 64 dimensions/,
    ],
    ['sparse weights', new Message().message(7, new Message().message(15, new Message())).toBytes(), /has sparse weights/],
    ['a cut', onnx({ initializers: [tensor({ dims: [2], raw: eight })] }).subarray(0, 60), /is cut/],
    ['a field of 2⁶³ bytes', bytesOf(['\x3a', Uint8Array.from([...Array<number>(9).fill(0xff), 1])]), /is cut: a field of/],
    ['a number without end', new Uint8Array(64).fill(0xff), /more than 64 bits/],
    ['groups of protobuf 1', Uint8Array.of(0x3b, 0x3c), /wire type 3/],
    ['two graphs', bytesOf([onnx(), onnx()]), /has two graphs/],
    ['a graph that is a number', Uint8Array.of(0x38, 1), /has no graph/],
    ['no graph', new Message().int(1, 8).toBytes(), /has no graph/],
    ['nothing', new Uint8Array(0), /has no graph/],
    ['a name of a megabyte', onnx({ nodes: [node({ op: 'Relu', name: 'n'.repeat(1 << 20) })] }), /has a name of 1048576 bytes/],
    [
      'a port that is no tensor',
      onnx({ inputs: [new Message().string(1, 'x').message(2, new Message().message(4, new Message()))] }),
      /port "x": is no tensor/,
    ],
  ])('is refused for %s', (_, bytes, reason) => {
    expect(() => readOnnx(written(bytes))).toThrow(refusal(reason));
  });

  it('is read where nothing is wrong with it', () => {
    const bytes = onnx({ initializers: [tensor({ dims: [2], raw: eight })], inputs: [port('x', [1, 3, 'height', 0]), port('w', [2])] });
    expect(readOnnx(written(bytes))).toEqual({
      path: join(folder, 'file'),
      inputs: [{ name: 'x', dims: [1, 3, null, 0] }],
      outputs: [{ name: 'y', dims: [1, 512] }],
      nodes: [{ name: 'n', op: 'Relu' }],
    });
  });
});

describe('an archive', () => {
  const sha = (digit: string) => digit.repeat(64);
  const bomb = zip({ 'model.onnx': new Uint8Array(50_000_000) }, { pack: deflateRawSync });
  it.each<[string, Uint8Array, RegExp]>([
    ['unpacks to more than it claims', patched(bomb, 'PK\x01\x02', 24, 16, 0, 0, 0), /model\.onnx: unpacks to more than the 16 bytes/],
    [
      'unpacks to less',
      patched(zip({ 'model.onnx': 'short' }, { pack: deflateRawSync }), 'PK\x01\x02', 24, 99, 0, 0, 0),
      /unpacks to 5 bytes, not the 99/,
    ],
    ['has the entry twice', zip({ 'a/model.onnx': 'x', 'b/model.onnx': 'y' }), /stands in several folders/],
    ['has it not', zip({ 'other.onnx': 'x' }), /model\.onnx: is not in the archive/],
    ['packs it in an unknown way', zip({ 'model.onnx': 'x' }, { method: 12 }), /packed in way 12/],
    ['is damaged inside', zip({ 'model.onnx': 'x' }, { method: 8 }), /is damaged|unpacks to/],
    ['has nothing in it', zip({ 'model.onnx': '' }), /has the SHA-256 e3b0c442/],
    ['holds another file', zip({ 'model.onnx': 'x' }), /has the SHA-256 [0-9a-f]{64}, not a{64}/],
  ])('is refused when it %s, and leaves nothing', async (_, bytes, reason) => {
    const target = join(folder, 'unpacked');
    await expect(unzipEntry(written(bytes), 'model.onnx', target, sha('a'))).rejects.toThrow(refusal(reason));
    expect(() => openCheckpoint(target)).toThrow(/ENOENT/);
  });
});

/** What each takes to open: a process of its own reads it. */
describe('a bomb', () => {
  const repeat = (bytes: Piece, times: number) => Buffer.alloc(bytesOf(bytes).length * times, bytesOf(bytes));
  const longPut = Buffer.concat(Array.from({ length: 400_000 }, (_, i) => Buffer.from([0x72, i & 255, (i >> 8) & 255, i >> 16, 0])));
  const nest = (levels: number): Piece => ['N', ...Array.from({ length: levels }, () => '2\x86')];
  const header = (text: string) => safetensors(text.padEnd(Math.min(text.length, 4 << 20)));
  const bombs: [string, () => Uint8Array, RegExp, ('onnx' | undefined)?][] = [
    ['of empty lists', () => torchZip(repeat(']', 8 << 20)), /holds more values than any state dict/],
    ['of empty tables', () => torchZip(repeat('}', 8 << 20)), /holds more values/],
    ['of numbers', () => torchZip(repeat(p.int(7), 2 << 20)), /holds more values/],
    ['of short texts', () => torchZip(repeat(['U\x02ab'], 4 << 20)), /holds more values/],
    ['of long texts', () => torchZip(repeat(p.text('x'.repeat(1 << 19)), 64)), /values left over|is cut|empty|holds|takes/],
    ['of memo entries', () => torchZip(['N', longPut, repeat(longPut, 4)]), /holds more values/],
    [
      'of a list that grows by itself',
      () => torchZip(['](', repeat('N', 1000), 'eq\x01', repeat(['](h\x01h\x01e'], 100_000)]),
      /holds more values|left over/,
    ],
    [
      'of pairs copied again and again',
      () =>
        torchZip(['](', repeat('NN\x86', 20_000), 'eq\x010', repeat([p.global('collections', 'OrderedDict'), 'h\x01\x85R0'], 10_000), 'N']),
      /pairs|holds more values/,
    ],
    ['of doubled tuples', () => torchZip(p.dict(p.text('a'), nest(60))), /nested without end/],
    ['of marks', () => torchZip(repeat('(', 8 << 20)), /holds more values/],
    ['of brackets', () => header('{"a":' + '['.repeat((4 << 20) - 100)), /nested more than 3 deep/],
    ['of lists in a header', () => header(`{"a":[${'[],'.repeat(1_300_000)}[]]}`), /header: holds \d+ keys, tables and lists/],
    ['of escapes in a header', () => header(`{"${'\\"'.repeat(2_000_000)}`), /is not JSON/],
    ['of keys in a header', () => header(`{${Array.from({ length: 300_000 }, (_, i) => `"${i}":1`).join()}}`), /header: holds \d+ keys/],
    [
      'of nodes',
      () =>
        new Message()
          .message(
            7,
            Array.from({ length: 200_000 }, () => new Message().string(4, '')).reduce((g, n) => g.message(1, n), new Message()),
          )
          .toBytes(),
      /more than 100000 nodes/,
      'onnx',
    ],
    [
      'of dimensions',
      () => new Message().message(7, new Message().message(5, new Message().bytes(1, new Uint8Array(8 << 20)))).toBytes(),
      /more than 64 dimensions/,
      'onnx',
    ],
  ];
  const script = fileURLToPath(new URL('../testing/read-file.ts', import.meta.url));
  it.each(bombs)('%s takes no memory and no time', async (_, make, reason, kind) => {
    const bytes = make();
    const args = ['--conditions=source', script, written(bytes), ...(kind ? [kind] : [])];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 });
    const { failure, growth, milliseconds } = JSON.parse(stdout) as {
      failure?: Error & { code: string };
      growth: number;
      milliseconds: number;
    };
    expect(failure).toMatchObject({ name: 'WeightError', code: 'checkpoint_refused', message: expect.stringMatching(reason) as unknown });
    expect(failure!.message.length).toBeLessThan(2000);
    expect(growth).toBeLessThan(bytes.length + (64 << 20));
    expect(milliseconds).toBeLessThan(5000);
  });
});
