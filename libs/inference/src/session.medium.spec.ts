import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSession } from './session.ts';
import { float32, int64 } from './tensor.ts';

/** A protobuf field: a number as varint, anything else by length. */
const field = (number: number, value: number | string | Buffer): Buffer => {
  if (typeof value === 'number') return Buffer.from([number << 3, value]);
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
const message = (...fields: Buffer[]) => Buffer.concat(fields);
const port = (name: string, rows: Buffer) => {
  const shape = message(field(1, rows), field(1, field(1, 2)));
  return message(field(1, name), field(2, field(1, message(field(1, 1), field(2, shape)))));
};
/** sum = a + b over float32 [n, 2]. */
const addition = (op = 'Add') => {
  const n = field(2, 'n');
  const node = message(field(1, 'a'), field(1, 'b'), field(2, 'sum'), field(4, op));
  const graph = message(field(1, node), field(2, 'g'), field(11, port('a', n)), field(11, port('b', n)), field(12, port('sum', n)));
  return message(field(1, 8), field(7, graph), field(8, field(2, 17)));
};

const home = mkdtempSync(join(tmpdir(), 'home-'));
afterAll(() => rmSync(home, { recursive: true }));

describe('a session', () => {
  it('has typed ports and runs', async () => {
    const session = await createSession({ bytes: addition(), threads: 1 });
    expect(session.inputs).toEqual([
      { name: 'a', dtype: 'float32', dims: ['n', 2] },
      { name: 'b', dtype: 'float32', dims: ['n', 2] },
    ]);
    const one = float32([2, 2], Float32Array.of(1, 2, 3, 4));
    const { sum } = await session.run({ a: one, b: one });
    expect(sum).toEqual(float32([2, 2], Float32Array.of(2, 4, 6, 8)));
    await session.release();
  });

  it('writes an output into an array it is given', async () => {
    const session = await createSession({ bytes: addition(), name: 'adder', threads: 1 });
    const [one, state] = [float32([1, 2], Float32Array.of(1, 2)), float32([1, 2])];
    const { sum } = await session.run({ a: one, b: one }, { sum: state });
    expect(sum).toBe(state);
    expect(state.data).toEqual(Float32Array.of(2, 4));
    await expect(session.run({ a: one, b: one }, { product: state })).rejects.toThrow('adder has no output "product"');
    await expect(session.run({ a: one, b: one }, { sum: int64([1, 2], [0, 0]) })).rejects.toThrow('takes "sum" as float32');
    await session.release();
  });

  it('takes numbers too small for a normal float as 0, so that they cost no more than others', async () => {
    const session = await createSession({ bytes: addition('Mul'), threads: 1 });
    const [small, ten] = [float32([1, 2], Float32Array.of(1e-39, 1)), float32([1, 2], Float32Array.of(10, 10))];
    expect((await session.run({ a: small, b: ten }))['sum']!.data).toEqual(Float32Array.of(0, 10));
    await session.release();
  });

  it('refuses feeds that do not fit, by name', async () => {
    const session = await createSession({ bytes: addition(), name: 'adder', threads: 1 });
    const good = float32([1, 2]);
    await expect(session.run({ a: good })).rejects.toMatchObject({ code: 'invalid_argument', message: 'adder needs the input "b".' });
    await expect(session.run({ a: good, b: float32([1, 3]) })).rejects.toThrow('takes "b" as float32[n, 2], got float32[1, 3]');
    await expect(session.run({ a: good, b: int64([1, 2], [1, 2]) })).rejects.toThrow('got int64[1, 2]');
    await expect(session.run({ a: good, b: good, c: good })).rejects.toThrow('has no input "c"');
    await expect(session.run({ a: float32([3, 2]), b: float32([2, 2]) })).rejects.toMatchObject({ code: 'inference_failed' });
    await session.release();
  });

  it('says that a graph cannot be loaded, or that a device is not there', async () => {
    await expect(createSession({ bytes: Buffer.from('nonsense') })).rejects.toMatchObject({ code: 'model_unavailable' });
    await expect(createSession({ bytes: addition('NoSuchOperator') })).rejects.toThrow(/Cannot load graph: .*NoSuchOperator/);
    await expect(createSession({ path: '/absent/model.onnx' })).rejects.toThrow(/Cannot load \/absent\/model\.onnx/);
    await expect(createSession({ bytes: addition(), provider: process.platform === 'darwin' ? 'dml' : 'coreml' })).rejects.toMatchObject({
      code: 'device_unavailable',
    });
  });

  it('leaves no telemetry behind, even where the variable was not set', () => {
    const script = `
      const { createSession } = await import(${JSON.stringify(new URL('./session.ts', import.meta.url).href)});
      await (await createSession({ bytes: Buffer.from(${JSON.stringify(addition().toString('base64'))}, 'base64'), threads: 1 })).release();
    `;
    const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...env, HOME: home, XDG_CACHE_HOME: join(home, '.cache') },
    });
    expect(readdirSync(home)).toEqual([]);
  });
});
