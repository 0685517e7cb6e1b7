import { refuse } from './errors.ts';
import type { ByteCursor } from './file-bytes.ts';
import type { StoredType } from './dtypes.ts';

/** A storage as the pickle names it: `key` finds its bytes, `count` is how many elements it claims. */
export interface StorageRef {
  readonly kind: 'storage';
  readonly key: string;
  readonly type: StoredType;
  readonly count: number;
}

/** A tensor as the pickle describes it; nothing of it has been checked against the storage's bytes. */
export interface TensorRef {
  readonly kind: 'tensor';
  readonly storage: StorageRef;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** What a state dict is made of. A list and a tuple are both arrays; a dict is a Map. */
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>
  | StorageRef
  | TensorRef
  | Callable
  | InertValue;

/** A name the pickle may call, and what calling it means here. Nothing of Python runs. */
interface Callable {
  readonly kind: 'callable';
  readonly name: string;
  readonly call: (args: readonly Pickled[], fail: (reason: string) => Error, budget: Budget) => Pickled;
}

/** A storage class or an element type, standing for itself. */
interface InertValue {
  readonly kind: 'inert';
  readonly name: string;
  readonly storageType?: StoredType;
}

/** EMPTY_LIST, EMPTY_DICT, TUPLE and its kin, LIST, REDUCE, BINPERSID */
const containerOpcodes = new Set([0x5d, 0x7d, 0x29, 0x74, 0x85, 0x86, 0x87, 0x6c, 0x52, 0x51]);
/** BINUNICODE, SHORT_BINSTRING, BINSTRING, GLOBAL, LONG1 */
const textOpcodes = new Set([0x58, 0x55, 0x54, 0x63, 0x8a]);
const costOf = (opcode: number): number => (containerOpcodes.has(opcode) ? containerCost : textOpcodes.has(opcode) ? textCost : 1);

const storageTypes: Readonly<Record<string, StoredType>> = {
  FloatStorage: 'F32', DoubleStorage: 'F64', HalfStorage: 'F16', BFloat16Storage: 'BF16', LongStorage: 'I64', IntStorage: 'I32',
  ShortStorage: 'I16', CharStorage: 'I8', ByteStorage: 'U8', BoolStorage: 'BOOL',
}; // prettier-ignore

const elementTypeNames = new Set(['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool']);

const rebuildTensor: Callable['call'] = ([storage, offset, shape, strides], fail) => {
  if (!isRef(storage, 'storage')) throw fail('a tensor over something that is no storage');
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length) {
    throw fail(`a tensor with offset ${text(offset)}, shape ${text(shape)} and strides ${text(strides)}`);
  }
  return { kind: 'tensor', storage, offset, shape, strides };
};

const callables: Readonly<Record<string, Callable['call']>> = {
  'collections.OrderedDict': ([pairs = []], fail, budget) => {
    budget.spend(containerCost + (Array.isArray(pairs) ? 2 * pairs.length : 0), fail); // a call may copy the same list once more
    if (!Array.isArray(pairs) || pairs.some((pair) => !Array.isArray(pair) || pair.length !== 2))
      throw fail('OrderedDict of something that is no list of pairs');
    return new Map(pairs as [Pickled, Pickled][]);
  },
  'torch.Size': ([sizes = []], fail) => {
    if (!Array.isArray(sizes)) throw fail('torch.Size of something that is no list');
    return sizes;
  },
  'torch._utils._rebuild_tensor': rebuildTensor, // before 0.4
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_parameter': ([data], fail) => {
    if (!isRef(data, 'tensor')) throw fail('a parameter of something that is no tensor');
    return data;
  },
};

/**
 * How much a file's pickles may hold: a bound on memory that does not depend on what they claim. A state dict takes about a hundred a
 * tensor, so this is room for ten thousand tensors.
 */
export class Budget {
  #left = 1_000_000;

  /** `cost` is roughly the memory in units of 32 bytes. */
  spend(cost: number, fail: (reason: string) => Error): void {
    this.#left -= cost;
    if (this.#left < 0) throw fail('holds more values than any state dict');
  }
}

const containerCost = 8;
const textCost = 4;
const longestText = 1 << 20;
/** More dimensions than any tensor has. */
const mostDimensions = 64;

/**
 * Runs a pickle on a machine that knows only what a state dict needs: containers, numbers, strings, and the names above. Every
 * other opcode and every other global makes the file refused, used or not. Storages are named, not read.
 * Stops behind the STOP opcode. The opcodes of protocols 2, which is what torch writes, and 3, as far as torch itself reads them with `weights_only`.
 */
export function unpickle(cursor: ByteCursor, file: string, entry: string, budget = new Budget()): Pickled {
  const fail = (reason: string) => refuse(file, entry, reason);
  const mark = Symbol('mark');
  const stack: (Pickled | typeof mark)[] = [];
  const memo = new Map<number, Pickled>();
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const latin1 = new TextDecoder('latin1');

  const pop = (): Pickled => {
    const value = stack.pop();
    if (value === undefined || value === mark) throw fail('takes a value from an empty stack');
    return value;
  };
  const top = (): Pickled => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const popToMark = (): Pickled[] => {
    const at = stack.lastIndexOf(mark);
    if (at < 0) throw fail('closes a group that was not opened');
    const [, ...items] = stack.splice(at) as [typeof mark, ...Pickled[]];
    return items;
  };
  const take = (length: number): Uint8Array => {
    if (length > longestText) throw fail(`holds a text of ${length} bytes`);
    return cursor.take(length);
  };
  const decode = (bytes: Uint8Array): string => {
    try {
      return utf8.decode(bytes);
    } catch {
      throw fail('holds a text that is not UTF-8');
    }
  };
  const setItems = (items: readonly Pickled[]) => {
    const dict = top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw fail('sets items of something that is no dict');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i]!, items[i + 1]!);
  };
  const append = (items: readonly Pickled[]) => {
    const list = top();
    if (!Array.isArray(list)) throw fail('appends to something that is no list');
    for (const item of items) list.push(item);
  };

  for (;;) {
    const opcode = cursor.byte();
    budget.spend(costOf(opcode), fail);
    // prettier-ignore
    switch (opcode) {
      case 0x80: { // PROTO
        const protocol = cursor.byte();
        if (protocol > 5) throw fail(`has pickle protocol ${protocol}`);
        break;
      }
      case 0x2e: { // STOP
        const value = pop();
        if (stack.length > 0) throw fail('ends with values left over');
        return value;
      }
      case 0x28: stack.push(mark); break; // MARK
      case 0x30: pop(); break; // POP
      case 0x32: stack.push(top()); break; // DUP
      case 0x4e: stack.push(null); break; // NONE
      case 0x88: stack.push(true); break; // NEWTRUE
      case 0x89: stack.push(false); break; // NEWFALSE
      case 0x4a: stack.push(cursor.int32()); break; // BININT
      case 0x4b: stack.push(cursor.byte()); break; // BININT1
      case 0x4d: stack.push(cursor.uint(2)); break; // BININT2
      case 0x8a: stack.push(longOf(cursor.take(cursor.byte()))); break; // LONG1
      case 0x47: stack.push(cursor.doubleBigEndian()); break; // BINFLOAT
      case 0x58: stack.push(decode(take(cursor.uint(4)))); break; // BINUNICODE
      case 0x55: stack.push(latin1.decode(cursor.take(cursor.byte()))); break; // SHORT_BINSTRING
      case 0x54: stack.push(latin1.decode(take(cursor.uint(4)))); break; // BINSTRING
      case 0x29: // EMPTY_TUPLE
      case 0x5d: stack.push([]); break; // EMPTY_LIST
      case 0x7d: stack.push(new Map()); break; // EMPTY_DICT
      case 0x74: // TUPLE
      case 0x6c: stack.push(popToMark()); break; // LIST
      case 0x85: stack.push([pop()]); break; // TUPLE1
      case 0x86: stack.push([pop(), pop()].reverse()); break; // TUPLE2
      case 0x87: stack.push([pop(), pop(), pop()].reverse()); break; // TUPLE3
      case 0x61: append([pop()]); break; // APPEND
      case 0x65: append(popToMark()); break; // APPENDS
      case 0x73: setItems([pop(), pop()].reverse()); break; // SETITEM
      case 0x75: setItems(popToMark()); break; // SETITEMS
      case 0x71: memo.set(cursor.byte(), top()); break; // BINPUT
      case 0x72: memo.set(cursor.uint(4), top()); break; // LONG_BINPUT
      case 0x68: stack.push(recall(cursor.byte())); break; // BINGET
      case 0x6a: stack.push(recall(cursor.uint(4))); break; // LONG_BINGET
      case 0x63: stack.push(global(decode(cursor.line()), decode(cursor.line()))); break; // GLOBAL
      case 0x51: stack.push(storage(pop())); break; // BINPERSID
      case 0x52: { // REDUCE
        const args = pop();
        const called = pop();
        if (!isRef(called, 'callable') || !Array.isArray(args)) throw fail(`calls ${text(called)}`);
        stack.push(called.call(args, fail, budget));
        break;
      }
      case 0x62: { // BUILD: `_metadata` and the like of an OrderedDict, which hold no weights
        const state = pop();
        if (!(top() instanceof Map) || !(state instanceof Map)) throw fail('sets the state of something that is no dict');
        break;
      }
      default:
        throw fail(`uses the pickle opcode 0x${opcode.toString(16).padStart(2, '0')}, which no state dict needs`);
    }
  }

  function recall(index: number): Pickled {
    const value = memo.get(index);
    if (value === undefined) throw fail(`recalls value ${index}, which was not stored`);
    return value;
  }

  function global(module: string, name: string): Callable | InertValue {
    const path = `${module}.${name}`;
    if (Object.hasOwn(callables, path)) return { kind: 'callable', name: path, call: callables[path]! };
    if (module === 'torch' && Object.hasOwn(storageTypes, name)) return { kind: 'inert', name: path, storageType: storageTypes[name]! };
    if (module === 'torch' && elementTypeNames.has(name)) return { kind: 'inert', name: path };
    throw fail(`names the global "${path}", which no state dict needs`);
  }

  /** ('storage', class, key, device, element count), before 1.6 with a sixth value that is always None. */
  function storage(id: Pickled): StorageRef {
    if (Array.isArray(id) && id.length >= 5 && (id[5] ?? null) === null) {
      const [tag, type, key, , count] = id as [Pickled, Pickled, Pickled, Pickled, Pickled];
      if (tag === 'storage' && isRef(type, 'inert') && type.storageType && typeof key === 'string' && isCount(count)) {
        return { kind: 'storage', key, type: type.storageType, count };
      }
    }
    throw fail(`names the storage ${text(id)}`);
  }
}

type Ref = StorageRef | TensorRef | Callable | InertValue;
export function isRef<K extends Ref['kind']>(value: Pickled | undefined, kind: K): value is Extract<Ref, { kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

const isCount = (value: Pickled | undefined): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isCounts = (value: Pickled | undefined): value is number[] =>
  Array.isArray(value) && value.length <= mostDimensions && value.every(isCount);

/** Little-endian two's complement; a bigint only where a number would lose digits. */
function longOf(bytes: Uint8Array): number | bigint {
  const unsigned = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const value = BigInt.asIntN(bytes.length * 8, unsigned);
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** A value in a message: short, and without end only for values that have one. */
function text(value: Pickled | undefined): string {
  if (isRef(value, 'callable') || isRef(value, 'inert')) return value.name;
  if (Array.isArray(value))
    return `(${value
      .slice(0, 8)
      .map((item) => (Array.isArray(item) ? 'a list' : text(item)))
      .join(', ')}${value.length > 8 ? ', …' : ''})`;
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
