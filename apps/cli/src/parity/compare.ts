import { isDeepStrictEqual } from 'node:util';
import type { ParityCase, Reference, Tolerance } from './case.ts';
import { isPicture, isTensor, isTensorMap, type Json, type Value } from './value.ts';

/** How one output did: `error` in the tolerance's own measure, `reason` when it was not met. */
export interface Verdict {
  readonly output: string;
  readonly error: number;
  readonly allowed: number;
  readonly reason?: string;
}

/** Compares every expected output of a case with what was computed. An `intermediate.` output that was not computed is skipped. */
export async function compareOutputs(c: ParityCase, outputs: Readonly<Record<string, Value>>): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const [name, reference] of Object.entries(c.expected)) {
    const tolerance = c.tolerance[name];
    if (!tolerance) throw new Error(`${c.name} states no tolerance for "${name}".`);
    const actual = resolve(outputs, name, reference, c.config);
    if (actual === undefined) {
      if (!name.startsWith('intermediate.'))
        verdicts.push({ output: name, error: Infinity, allowed: bound(tolerance), reason: 'was not computed' });
      continue;
    }
    verdicts.push({ output: name, ...judge(await c.read(reference), actual, tolerance) });
  }
  return verdicts;
}

/** The computed output an expected one refers to: itself, its mean or deviation, or a part of it. */
function resolve(
  outputs: Readonly<Record<string, Value>>,
  name: string,
  { strides }: Reference,
  config: ParityCase['config'],
): Value | undefined {
  if (Object.hasOwn(outputs, name)) return strides ? strided(outputs[name]!, strides) : outputs[name];
  const whole = (suffix: string) => (name.endsWith(suffix) ? outputs[name.slice(0, -suffix.length)] : undefined);
  const averaged = whole('.mean') ?? whole('.std');
  if (averaged !== undefined) {
    const { mean, deviation } = statistics(numbersOf(averaged)!.data);
    return name.endsWith('.mean') ? mean : deviation;
  }
  const sampled = whole('_sampled');
  const n = Number(config['sample_stride'] ?? 1);
  return sampled === undefined ? undefined : strided(sampled, [1, 1, n, n]);
}

function statistics(data: ArrayLike<number>): { mean: number; deviation: number } {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]!;
  const mean = sum / data.length;
  let squares = 0;
  for (let i = 0; i < data.length; i++) squares += (data[i]! - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / data.length) };
}

function strided(value: Value, strides: readonly number[]): Value {
  const { dims, data } = numbersOf(value)!;
  const kept = dims.map((d, i) => Math.ceil(d / (strides[i] ?? 1)));
  const part = new Float32Array(kept.reduce((n, d) => n * d, 1));
  for (let i = 0; i < part.length; i++) {
    let rest = i;
    let at = 0;
    let step = 1;
    for (let d = dims.length - 1; d >= 0; d--) {
      at += (rest % kept[d]!) * (strides[d] ?? 1) * step;
      rest = Math.floor(rest / kept[d]!);
      step *= dims[d]!;
    }
    part[i] = data[at]!;
  }
  return { dtype: 'float32', dims: kept, data: part };
}

function judge(expected: Value, actual: Value, tolerance: Tolerance): Omit<Verdict, 'output'> {
  const allowed = bound(tolerance);
  const fail = (reason: string, error = Infinity) => ({ error, allowed, reason });

  if (isTensorMap(expected)) {
    if (!isTensorMap(actual)) return fail('is no set of tensors');
    const missing = [...expected.keys()].filter((key) => !actual.has(key));
    const extra = [...actual.keys()].filter((key) => !expected.has(key));
    if (missing.length > 0 || extra.length > 0)
      return fail(`missing: ${missing.join(', ') || 'none'}; not expected: ${extra.join(', ') || 'none'}`);
    for (const [key, tensor] of expected) {
      const verdict = judge(tensor, actual.get(key)!, tolerance);
      if (verdict.reason) return { ...verdict, reason: `${key}: ${verdict.reason}` };
    }
    return { error: 0, allowed };
  }

  const e = numbersOf(expected);
  const a = numbersOf(actual);
  if (!e || !a) {
    if (isDeepStrictEqual(plain(expected), plain(actual))) return { error: 0, allowed };
    return fail(`expected ${shorten(expected)}, got ${shorten(actual)}`, 1);
  }
  // A number in case.json stands for an array of one element.
  const single = e.data.length === 1 && a.data.length === 1;
  if (!single && !isDeepStrictEqual([...e.dims], [...a.dims]))
    return fail(`has shape [${a.dims.join(', ')}], expected [${e.dims.join(', ')}]`);

  let worst = 0;
  let largest = 0;
  let different = 0;
  for (let i = 0; i < e.data.length; i++) {
    const x = e.data[i]!;
    const y = a.data[i]!;
    largest = Math.max(largest, Math.abs(x));
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    different += 1;
    const difference = Math.abs(x - y);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  if ('agree' in tolerance) {
    const share = e.data.length === 0 ? 1 : 1 - different / e.data.length;
    return share >= tolerance.agree ? { error: 1 - share, allowed } : fail(`${different} of ${e.data.length} elements differ`, 1 - share);
  }
  const error = 'rel' in tolerance && largest > 0 ? worst / largest : worst;
  if ('exact' in tolerance)
    return different === 0 ? { error: 0, allowed } : fail(`${different} of ${e.data.length} elements differ, by up to ${worst}`, error);
  return error <= allowed ? { error, allowed } : fail(`is off by ${error.toExponential(2)}`, error);
}

const bound = (tolerance: Tolerance): number => {
  if ('rel' in tolerance) return tolerance.rel;
  if ('abs' in tolerance) return tolerance.abs;
  return 'agree' in tolerance ? 1 - tolerance.agree : 0;
};

/** The numbers of an array, a picture, or a (nested) JSON list of numbers; undefined for anything else. */
function numbersOf(value: Value): { dims: readonly number[]; data: ArrayLike<number> } | undefined {
  if (isPicture(value)) return { dims: [value.height, value.width, value.channels], data: value.data };
  if (isTensor(value))
    return { dims: value.dims, data: value.data instanceof BigInt64Array ? Float64Array.from(value.data, Number) : value.data };
  if (typeof value === 'number') return { dims: [], data: [value] };
  if (!Array.isArray(value)) return undefined;
  const parts = (value as Json[]).map((item) => numbersOf(item));
  const inner = parts[0]?.dims ?? [];
  if (parts.some((part) => !part || !isDeepStrictEqual([...part.dims], [...inner]))) return undefined;
  return { dims: [parts.length, ...inner], data: parts.flatMap((part) => Array.from(part!.data)) };
}

/** A tensor beside JSON that is no plain block of numbers is compared as nested lists. */
function plain(value: Value): unknown {
  if (!isTensor(value)) return value;
  const flat = Array.from(value.data as ArrayLike<number | bigint>, (x) => (value.dtype === 'bool' ? x !== 0 : Number(x)));
  return value.dims
    .slice(1)
    .reduceRight<unknown[]>((items, d) => Array.from({ length: items.length / d }, (_, i) => items.slice(i * d, (i + 1) * d)), flat);
}

function shorten(value: Value): string {
  const text = JSON.stringify(plain(value), (_, v: unknown) => (typeof v === 'bigint' ? Number(v) : v)) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
