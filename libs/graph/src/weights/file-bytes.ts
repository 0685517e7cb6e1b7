import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { refuse } from './errors.ts';

const chunk = 1 << 16;

/** An open file, read by position. A length is checked against the file before anything of that length is allocated. */
export class OpenFile {
  readonly path: string;
  readonly size: number;
  /** Of path, size and time of change: cheap, and different when the file was replaced. */
  readonly fingerprint: string;
  #descriptor: number | undefined;

  constructor(path: string) {
    this.path = realpathSync(path);
    this.#descriptor = openSync(this.path, 'r');
    const { size, mtimeMs } = fstatSync(this.#descriptor);
    this.size = size;
    this.fingerprint = createHash('sha256').update(`${this.path}\0${size}\0${mtimeMs}`).digest('hex');
  }

  bytes(offset: number, length: number, entry: string): Uint8Array<ArrayBuffer> {
    if (this.#descriptor === undefined) throw new Error(`${this.path} is closed.`);
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw refuse(this.path, entry, `needs bytes ${offset} to ${offset + length} of a file of ${this.size} bytes`);
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const got = readSync(this.#descriptor, bytes, done, Math.min(length - done, 1 << 30), offset + done);
      if (got === 0) throw refuse(this.path, entry, 'the file became shorter while it was read');
      done += got;
    }
    return bytes;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** Reads a range of a file forwards, a little at a time. */
export class ByteCursor {
  position: number;
  readonly #file: OpenFile;
  readonly #end: number;
  readonly #entry: string;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;

  constructor(file: OpenFile, start: number, end: number, entry: string) {
    this.#file = file;
    this.position = start;
    this.#end = end;
    this.#entry = entry;
  }

  get remaining(): number {
    return this.#end - this.position;
  }

  take(length: number): Uint8Array {
    if (length > this.remaining) throw refuse(this.#file.path, this.#entry, `is cut: ${length} bytes wanted, ${this.remaining} left`);
    const at = this.position - this.#windowStart;
    this.position += length;
    if (at >= 0 && at + length <= this.#window.length) return this.#window.subarray(at, at + length);
    this.#windowStart = this.position - length;
    const wanted = Math.min(Math.max(length, chunk), this.#end - this.#windowStart);
    this.#window = this.#file.bytes(this.#windowStart, wanted, this.#entry);
    return this.#window.subarray(0, length);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  uint(size: 2 | 4): number {
    const view = this.#view(size);
    return size === 2 ? view.getUint16(0, true) : view.getUint32(0, true);
  }

  int32(): number {
    return this.#view(4).getInt32(0, true);
  }

  int64(): bigint {
    return this.#view(8).getBigInt64(0, true);
  }

  doubleBigEndian(): number {
    return this.#view(8).getFloat64(0, false);
  }

  /** Bytes up to a line feed, which is consumed. */
  line(limit = 4096): Uint8Array {
    const bytes: number[] = [];
    for (let b = this.byte(); b !== 0x0a; b = this.byte()) {
      if (bytes.push(b) > limit) throw refuse(this.#file.path, this.#entry, `has a line of more than ${limit} bytes`);
    }
    return Uint8Array.from(bytes);
  }

  #view(size: number): DataView {
    const bytes = this.take(size);
    return new DataView(bytes.buffer, bytes.byteOffset, size);
  }
}
