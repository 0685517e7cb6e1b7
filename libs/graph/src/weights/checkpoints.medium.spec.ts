import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { safetensors } from '../testing/tensors.ts';
import { bytesOf, floats, p, torchLegacy, torchZip, zip, type Piece } from '../testing/torch-files.ts';
import type { Checkpoint } from './checkpoint.ts';
import { openCheckpoint } from './open-checkpoint.ts';

let folder: string;
beforeAll(() => void (folder = realpathSync(mkdtempSync(join(tmpdir(), 'checkpoints-')))));
afterAll(() => rmSync(folder, { recursive: true }));

const written = (bytes: Uint8Array): string => {
  const path = join(folder, 'file.bin');
  writeFileSync(path, bytes);
  return path;
};

function reading<T>(bytes: Uint8Array, use: (file: Checkpoint) => T): T {
  const file = openCheckpoint(written(bytes));
  try {
    return use(file);
  } finally {
    file.close();
  }
}

const readAll = (bytes: Uint8Array) => reading(bytes, (file) => Object.fromEntries(file.keys.map((key) => [key, [...file.read(key)]])));

const two = floats(1.5, -2);
const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('safetensors', () => {
  it('reads tensors, places them in the file and skips metadata', () => {
    const bytes = safetensors({ __metadata__: { format: 'pt' }, a: f32(0, 4, []), b: f32(4, 8), none: f32(8, 8, [0, 3]) }, two);
    expect(readAll(bytes)).toEqual({ a: [1.5], b: [-2], none: [] });
    expect(reading(bytes, (file) => file.place('b'))).toEqual({ file: join(folder, 'file.bin'), offset: bytes.length - 4, byteLength: 4 });
  });

  it('places nothing that is not aligned or not float32', () => {
    const odd = safetensors('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} ', two);
    const half = safetensors({ a: { dtype: 'F16', shape: [4], data_offsets: [0, 8] } }, two);
    expect([odd, half].map((bytes) => reading(bytes, (file) => file.place('a')))).toEqual([undefined, undefined]);
  });

  it('turns halves, brains, doubles and whole numbers into float32', () => {
    const data = bytesOf([Uint8Array.of(0x00, 0xc0, 0x01, 0x00), Uint8Array.of(0x40, 0x40), new Uint8Array(BigInt64Array.of(-7n).buffer)]);
    const header = {
      half: { dtype: 'F16', shape: [2], data_offsets: [0, 4] },
      brain: { dtype: 'BF16', shape: [1], data_offsets: [4, 6] },
      long: { dtype: 'I64', shape: [1], data_offsets: [6, 14] },
    };
    expect(readAll(safetensors(header, data))).toEqual({ half: [-2, 2 ** -24], brain: [3], long: [-7] });
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['overlapping tensors', safetensors({ a: f32(0, 8), b: f32(4, 8) }, two), /overlap or leave a hole/],
    ['a hole', safetensors({ a: f32(4, 8) }, two), /overlap or leave a hole/],
    ['trailing bytes', safetensors({ a: f32(0, 4) }, two), /belong to no tensor/],
    ['an end outside the file', safetensors({ a: f32(0, 12) }, two), /does not fit/],
    ['a shape that disagrees', safetensors({ a: f32(0, 8, [3]) }, two), /does not fit/],
    ['an overflowing shape', safetensors({ a: f32(0, 8, [2 ** 40, 2 ** 40]) }, two), /impossible shape/],
    ['negative dimensions', safetensors({ a: f32(0, 8, [-1, -2]) }, two), /only whole numbers/],
    ['a fraction', safetensors('{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}', two), /only whole numbers/],
    ['an unknown type', safetensors({ a: { ...f32(0, 8), dtype: 'F8' } }, two), /unknown element type/],
    [
      'a repeated key',
      safetensors('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', two),
      /twice/,
    ],
    ['a repeated field', safetensors('{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', two), /twice/],
    ['broken JSON', safetensors('{"a":', two), /is not JSON/],
    ['metadata that is no table of strings', safetensors({ __metadata__: { a: 1 } }), /table of strings/],
  ])('refuses %s', (_, bytes, reason) => {
    expect(() => readAll(bytes)).toThrow(
      expect.objectContaining({ code: 'checkpoint_refused', message: expect.stringMatching(reason) as string }) as Error,
    );
  });

  it('refuses a header longer than the file without allocating it', () => {
    const bytes = safetensors({});
    new DataView(bytes.buffer).setBigUint64(0, 99_000_000n, true);
    expect(() => readAll(bytes)).toThrow(/claims 99000000 bytes/);
  });
});

const six = floats(0, 1, 2, 3, 4, 5);
const matrix = p.tensor(p.storage('0', 6), 0, [2, 3], [3, 1]);

describe('torch files', () => {
  const views = p.ordered(
    ...[p.text('matrix'), matrix],
    ...[p.text('transposed'), p.tensor(p.storage('0', 6), 0, [3, 2], [1, 3])],
    ...[p.text('column'), p.tensor(p.storage('0', 6), 1, [2], [3])],
    ...[p.text('repeated'), p.tensor(p.storage('0', 6), 2, [2, 2], [0, 1])],
  );
  const expected = { matrix: [0, 1, 2, 3, 4, 5], transposed: [0, 3, 1, 4, 2, 5], column: [1, 4], repeated: [2, 3, 2, 3] };

  it('reads several views of one storage from a zip', () => {
    expect(readAll(torchZip(views, { 0: six }))).toEqual(expected);
  });

  it('reads the same from a file of before 1.6', () => {
    expect(readAll(torchLegacy(views, { 0: { count: 6, data: six } }))).toEqual(expected);
  });

  it('reads pickle protocol 3, which says the same', () => {
    const file = torchLegacy(views, { 0: { count: 6, data: six } });
    file[1] = 3;
    expect(readAll(file)).toEqual(expected);
  });

  it('reads tensors as torch before 0.4 wrote them', () => {
    const old = p.call(p.global('torch._utils', '_rebuild_tensor'), p.storage('0', 6), p.int(1), p.tuple(p.int(2)), p.tuple(p.int(3)));
    expect(readAll(torchLegacy(p.dict(p.text('column'), old), { 0: { count: 6, data: six } }))).toEqual({ column: [1, 4] });
  });

  it('reads what a small file repeats, and nothing at any offset', () => {
    const repeated = p.tensor(p.storage('0', 6), 2, [8, 64], [0, 0]);
    const empty = p.tensor(p.storage('0', 6), 7, [0, 3], [3, 1]);
    const read = readAll(torchZip(p.dict(p.text('a'), repeated, p.text('b'), empty), { 0: six }));
    expect(read).toEqual({ a: new Array(512).fill(2), b: [] });
  });

  it('uses float32 in place only where it lies row-major and aligned', () => {
    const places = reading(torchZip(views, { 0: six }), (file) => ['transposed', 'column', 'repeated'].map((key) => file.place(key)));
    expect(places).toEqual([undefined, undefined, undefined]);
  });

  it('joins nested names and leaves out what is no tensor', () => {
    const nested = p.dict(
      ...[p.text('a'), p.dict(p.int(0), matrix, p.text('note'), p.text('text'))],
      ...[p.text('list'), ['](', matrix, 'N', 'e']],
      ...[p.text('parameter'), p.call(p.global('torch._utils', '_rebuild_parameter'), matrix, '\x88', p.ordered())],
    );
    const values = [0, 1, 2, 3, 4, 5];
    expect(readAll(torchZip(nested, { 0: six }))).toEqual({ 'a.0': values, 'list.0': values, parameter: values });
  });

  it('passes over the state of an OrderedDict', () => {
    const state = [p.ordered(p.text('w'), matrix), p.dict(p.text('_metadata'), p.dict()), 'b'];
    expect(Object.keys(readAll(torchZip(state, { 0: six })))).toEqual(['w']);
  });

  const named = (value: Piece): Piece => p.dict(p.text('w'), value);
  const system = p.global('posix', 'system');
  const shell = p.call(system, p.text('id'));
  it.each<[string, Piece, RegExp]>([
    ['a call of another global', named(shell), /posix\.system/],
    ['a global that is named and not used', [system, '0', named(matrix)], /posix\.system/],
    ['a global of torch that no state dict needs', named(p.global('torch.hub', 'load')), /torch\.hub\.load/],
    ['a dotted name below an allowed one', named(p.global('torch._utils', '_rebuild_tensor_v2.__globals__')), /__globals__/],
    ['a Python 2 name', named(p.global('__builtin__', 'eval')), /__builtin__\.eval/],
    [
      'a call inside the arguments of an allowed one',
      named(p.call(p.global('torch._utils', '_rebuild_parameter'), shell)),
      /posix\.system/,
    ],
    ['INST', named(['(', p.text('id'), 'iposix\nsystem\n']), /opcode 0x69/],
    ['OBJ', named(['(', p.global('collections', 'OrderedDict'), 'o']), /opcode 0x6f/],
    ['NEWOBJ', named([p.global('collections', 'OrderedDict'), ')\x81']), /opcode 0x81/],
    ['EXT1', named('\x82\x01'), /opcode 0x82/],
    ['STACK_GLOBAL', named([p.text('posix'), p.text('system'), '\x93']), /opcode 0x93/],
    ['BUILD on a tensor', named([matrix, p.dict(), 'b']), /sets the state/],
    ['a storage of another type', named(p.tensor(p.storage('0', 6, 'ComplexFloatStorage'), 0, [6], [1])), /ComplexFloatStorage/],
    [
      'a storage class that is a callable',
      named([p.tuple(p.text('storage'), p.global('collections', 'OrderedDict'), p.text('0'), p.text('cpu'), p.int(6)), 'Q']),
      /names the storage/,
    ],
    ['a tensor over no storage', named(p.tensor(p.text('0'), 0, [6], [1])), /no storage/],
    ['a view beyond its storage', named(p.tensor(p.storage('0', 6), 4, [3], [1])), /leaves its storage/],
    ['a negative offset', named(p.tensor(p.storage('0', 6), -1, [1], [1])), /offset -1/],
    ['a negative stride', named(p.tensor(p.storage('0', 6), 5, [2], [-1])), /strides \(-1\)/],
    ['as many strides as no shape', named(p.tensor(p.storage('0', 6), 0, [2, 3], [1])), /shape/],
    ['a storage that claims more than its entry holds', named(p.tensor(p.storage('0', 600), 0, [1], [1])), /claims 600 elements/],
    ['a storage without an entry', named(p.tensor(p.storage('1', 6), 0, [6], [1])), /"1" is missing/],
    [
      'elements out of nothing',
      named(p.tensor(p.storage('0', 6), 0, [1_000_000_000, 1_000_000_000], [0, 0])),
      /would make|leaves its storage/,
    ],
    ['two tensors of one path', p.dict(p.text('a'), p.dict(p.text('b'), matrix), p.text('a.b'), matrix), /path of two tensors/],
    ['a list that contains itself', named([']q\x01h\x01a']), /nested without end/],
    ['values left on the stack', [p.int(1), named(matrix)], /left over/],
    ['an unknown memo index', named('h\x07'), /recalls value 7/],
  ])('refuses %s', (_, value, reason) => {
    const refusal = expect.objectContaining({ code: 'checkpoint_refused', message: expect.stringMatching(reason) as string }) as Error;
    expect(() => readAll(torchZip(value, { 0: six }))).toThrow(refusal);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['a zip that is cut', torchZip(named(matrix), { 0: six }).subarray(0, 200), /is cut/],
    ['a zip of something else', zip({ 'readme.txt': 'hello' }), /none of torch/],
    ['a compressed zip', zip({ 'a/data.pkl': p.file(named(matrix)) }, { method: 8 }), /compressed/],
    ['a TorchScript program', zip({ 'a/data.pkl': p.file(named('N')), 'a/constants.pkl': '' }), /TorchScript/],
    ['a big-endian file', zip({ 'a/data.pkl': p.file(named('N')), 'a/byteorder': 'big' }), /little-endian/],
    ['a pickle that is cut', zip({ 'a/data.pkl': bytesOf(p.file(named(matrix))).subarray(0, 40) }), /is cut/],
    ['an older file that is cut', torchLegacy(named(matrix), { 0: { count: 6, data: six.subarray(0, 8) } }), /is cut/],
    ['an older file whose counts disagree', torchLegacy(named(matrix), { 0: { count: 2 ** 40, data: six } }), /the pickle says 6/],
    ['an older file without its storage', torchLegacy(named(matrix)), /"0" is missing/],
    ['an older file that calls out', torchLegacy(named(shell)), /posix\.system/],
    ['a web page', bytesOf('<!doctype html><html><body>Not found</body></html>'), /neither a safetensors file nor one of torch/],
    ['an empty file', new Uint8Array(0), /neither/],
  ])('refuses %s', (_, bytes, reason) => {
    const refusal = expect.objectContaining({ code: 'checkpoint_refused', message: expect.stringMatching(reason) as string }) as Error;
    expect(() => readAll(bytes)).toThrow(refusal);
  });

  it('names the file, the entry and the reason', () => {
    expect(() => readAll(torchZip(named(shell)))).toThrow(/file\.bin: any name\/data\.pkl: names the global "posix\.system"/);
  });
});
