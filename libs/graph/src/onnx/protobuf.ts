/**
 * The part of the protobuf wire format ONNX needs: fields as (number, value) pairs, written in the order given, so equal graphs
 * are equal bytes. Large byte strings are kept by reference and copied once, at the end.
 */
export class Message {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** A whole number (varint). Negative ones take ten bytes, as int64 has it. */
  int(field: number, value: number): this {
    return this.#tag(field, 0).#push(varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#tag(field, 5).#push(bytes);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, 2).#push(varint(value.length)).#push(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    this.#tag(field, 2).#push(varint(value.#length));
    for (const chunk of value.#chunks) this.#push(chunk);
    return this;
  }

  /** Whole numbers packed into one field. */
  ints(field: number, values: readonly number[]): this {
    const packed = new Message();
    for (const value of values) packed.#push(varint(value));
    return this.message(field, packed);
  }

  /** The message as one array. Throws RangeError beyond 2 GiB, the limit of the format. */
  toBytes(): Uint8Array {
    if (this.#length >= 2 ** 31)
      throw new RangeError(`A protobuf message holds less than 2 GiB, this one would have ${this.#length} bytes.`);
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #tag(field: number, wire: number): this {
    return this.#push(varint(field * 8 + wire));
  }

  #push(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }
}

function varint(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
