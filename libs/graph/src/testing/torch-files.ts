/** Writes the files of torch.save by hand, so that tests can write wrong ones too. */

/** A piece of a pickle: bytes, or text that stands for its Latin-1 bytes. */
export type Piece = string | readonly Piece[] | Uint8Array;

export function bytesOf(piece: Piece): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === 'string') return Uint8Array.from(piece, (c) => c.charCodeAt(0));
  return Buffer.concat(piece.map(bytesOf));
}

const le = (value: number, size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) & 0xff);

/** Pickle opcodes as a state dict uses them. */
export const p = {
  int: (value: number): Piece => ['J', le(value, 4)],
  text: (value: string): Piece => ['X', le(value.length, 4), value],
  global: (module: string, name: string): Piece => `c${module}\n${name}\n`,
  tuple: (...items: readonly Piece[]): Piece => ['(', items, 't'],
  call: (callable: Piece, ...args: readonly Piece[]): Piece => [callable, p.tuple(...args), 'R'],
  dict: (...items: readonly Piece[]): Piece => ['}(', items, 'u'],
  ordered: (...items: readonly Piece[]): Piece => [p.global('collections', 'OrderedDict'), ')R(', items, 'u'],
  storage: (key: string, count: number, type = 'FloatStorage'): Piece => [
    p.tuple(p.text('storage'), p.global('torch', type), p.text(key), p.text('cpu'), p.int(count)),
    'Q',
  ],
  tensor: (storage: Piece, offset: number, shape: readonly number[], strides: readonly number[]): Piece =>
    p.call(
      p.global('torch._utils', '_rebuild_tensor_v2'),
      storage,
      p.int(offset),
      p.tuple(...shape.map(p.int)),
      p.tuple(...strides.map(p.int)),
      '\x89',
      p.ordered(),
    ),
  file: (value: Piece): Piece => ['\x80\x02', value, '.'],
};

export const floats = (...values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

interface ZipOptions {
  /** Makes the archive claim another compression. */
  readonly method?: number;
  /** Deflates the entries. */
  readonly pack?: (data: Uint8Array) => Uint8Array;
}

/** A zip of stored entries, unless `pack` is given. */
export function zip(entries: Readonly<Record<string, Piece>>, { pack, method = pack ? 8 : 0 }: ZipOptions = {}): Uint8Array {
  const local: Piece[] = [];
  const directory: Piece[] = [];
  let at = 0;
  for (const [name, piece] of Object.entries(entries)) {
    const plain = bytesOf(piece);
    const data = pack ? pack(plain) : plain;
    const sizes = [le(0, 4), le(data.length, 4), le(plain.length, 4), le(name.length, 2)];
    directory.push('PK\x01\x02', le(0, 4), le(0, 2), le(method, 2), le(0, 4), sizes, le(0, 12), le(at, 4), name);
    const header = bytesOf(['PK\x03\x04', le(0, 4), le(method, 2), le(0, 4), sizes, le(0, 2), name]);
    local.push(header, data);
    at += header.length + data.length;
  }
  const list = bytesOf(directory);
  const count = Object.keys(entries).length;
  return bytesOf([local, list, 'PK\x05\x06', le(0, 4), le(count, 2), le(count, 2), le(list.length, 4), le(at, 4), le(0, 2)]);
}

/** A file as torch.save writes it since 1.6: the pickled value and one entry per storage. */
export const torchZip = (value: Piece, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array =>
  zip({
    'any name/data.pkl': p.file(value),
    ...Object.fromEntries(Object.entries(storages).map(([key, data]) => [`any name/data/${key}`, data])),
  });

/** A file as torch.save wrote it before 1.6. */
export function torchLegacy(value: Piece, storages: Readonly<Record<string, { count: number; data: Uint8Array }>> = {}): Uint8Array {
  const keys: Piece = ['](', Object.keys(storages).map(p.text), 'e'];
  return bytesOf([
    p.file(['\x8a\x0a', Uint8Array.of(0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)]),
    p.file(p.int(1001)),
    p.file(p.dict(p.text('little_endian'), '\x88')),
    p.file(value),
    p.file(keys),
    Object.values(storages).map(({ count, data }) => [le(count, 8), data]),
  ]);
}
