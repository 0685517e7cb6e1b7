/** Element types of checkpoint files, in the safetensors spelling, and their conversion to float32. */
export const itemSizes = {
  BOOL: 1, U8: 1, I8: 1, I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, F64: 8, I64: 8, U64: 8,
} as const; // prettier-ignore

export type StoredType = keyof typeof itemSizes;

export const isStoredType = (name: string): name is StoredType => Object.hasOwn(itemSizes, name);

/** A typed view over little-endian bytes; the bytes must start at a multiple of the item size. */
export function typedView(type: StoredType, bytes: Uint8Array<ArrayBuffer>) {
  const { buffer, byteOffset } = bytes;
  const count = bytes.byteLength / itemSizes[type];
  switch (type) {
    case 'BOOL':
    case 'U8':
      return new Uint8Array(buffer, byteOffset, count);
    case 'I8':
      return new Int8Array(buffer, byteOffset, count);
    case 'I16':
      return new Int16Array(buffer, byteOffset, count);
    case 'U16':
    case 'F16':
    case 'BF16':
      return new Uint16Array(buffer, byteOffset, count);
    case 'I32':
      return new Int32Array(buffer, byteOffset, count);
    case 'U32':
      return new Uint32Array(buffer, byteOffset, count);
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'F64':
      return new Float64Array(buffer, byteOffset, count);
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, count);
    case 'U64':
      return new BigUint64Array(buffer, byteOffset, count);
  }
}

/** All elements as float32; halves exactly, wider types rounded. float32 bytes are not copied. */
export function toFloat32(type: StoredType, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const stored = typedView(type, bytes);
  if (stored instanceof Float32Array) return stored;
  const values = new Float32Array(stored.length);
  const bits = new Uint32Array(values.buffer);
  if (type === 'BF16') for (let i = 0; i < bits.length; i++) bits[i] = (stored[i] as number) << 16;
  else if (type === 'F16') for (let i = 0; i < bits.length; i++) bits[i] = halfToFloatBits(stored[i] as number);
  else for (let i = 0; i < values.length; i++) values[i] = Number(stored[i]);
  return values;
}

/** IEEE binary16 → binary32, by bit patterns, so that NaN payloads and signed zeros survive. */
function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  let mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  const shift = Math.clz32(mantissa) - 21; // subnormal: bring the leading one to bit 10
  mantissa = (mantissa << shift) & 0x3ff;
  return sign | ((113 - shift) << 23) | (mantissa << 13);
}

/** binary32 → IEEE binary16, ties to even; what is too large becomes infinite. */
export function toFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = floatToHalfBits(bits[i]!);
  return halves;
}

function floatToHalfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and more
  if (magnitude < 0x33000000) return sign; // below half the smallest
  const exponent = magnitude >>> 23;
  const isSubnormal = exponent < 113;
  const shift = isSubnormal ? 126 - exponent : 13;
  const kept = isSubnormal ? (magnitude & 0x7fffff) | 0x800000 : magnitude - 0x38000000; // rebased from bias 127 to 15
  const rest = kept & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const floor = kept >>> shift;
  return sign | (rest > half || (rest === half && floor % 2 === 1) ? floor + 1 : floor); // a carry goes into the exponent
}

export const elementCount = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** The element count of a claimed shape, or undefined when a dimension is no whole number ≥ 0 or the product is not exact. */
export function checkedCount(shape: readonly unknown[]): number | undefined {
  let count = 1;
  for (const d of shape) {
    if (typeof d !== 'number' || !Number.isSafeInteger(d) || d < 0) return undefined;
    count *= d;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}
