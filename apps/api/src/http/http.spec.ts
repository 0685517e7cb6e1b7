import { describe, expect, it } from 'vitest';
import { CreateGeneration, LikenessError } from '@likeness/contracts';
import { contract, parseContract } from './contract.ts';
import { matchesETag } from './etag.ts';
import { canonicalJson, idempotentRequest } from './idempotency.ts';
import { problemOf, rawProblem, toLikenessError } from './problem.ts';
import { createRateLimiter } from './rate-limit.ts';

const thrownBy = (work: () => unknown): LikenessError => {
  try {
    work();
  } catch (error) {
    if (error instanceof LikenessError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('a refusal', () => {
  it('names every field with pointer and value', () => {
    const error = thrownBy(() => parseContract(CreateGeneration, { input: { prompt: '', steps: 101, 'a/b~c': 1 }, extra: [1] }));
    expect(error.code).toBe('validation_failed');
    const byPointer = Object.fromEntries(error.fields.map((field) => [field.pointer, field.detail]));
    expect(byPointer['/input/prompt']).toMatch(/got ""$/);
    expect(byPointer['/input/steps']).toMatch(/<=100; got 101$/);
    expect(byPointer['/input/a~1b~0c']).toBe('is not known; got 1');
    expect(byPointer['/extra']).toBe('is not known; got [1]');
    expect(error.message).toMatch(/\(and \d more\)$/);
    const [missing] = thrownBy(() => parseContract(CreateGeneration, {})).fields;
    expect(missing).toMatchObject({ pointer: '/input', detail: expect.stringMatching(/^is required/) as string });
  });

  it('shortens a long value', () => {
    const error = thrownBy(() =>
      contract(CreateGeneration).transform({ input: { prompt: 'x'.repeat(5000), reference_images: ['upl_0'] } }, { type: 'body' }),
    );
    for (const { detail } of error.fields) expect(detail.length).toBeLessThan(200);
  });

  it('is a problem document with the registry’s words', () => {
    const error = new LikenessError('queue_full', '3 generations are under way.', { fields: [{ pointer: '/a', detail: 'b' }] });
    expect(problemOf(error, 'req_1', 'https://api.example')).toEqual({
      type: 'https://api.example/docs/errors#queue_full',
      title: 'Too many generations are under way for this tenant.',
      status: 429,
      code: 'queue_full',
      detail: '3 generations are under way.',
      hint: 'Wait until some have ended.',
      retryable: true,
      request_id: 'req_1',
      errors: [{ pointer: '/a', detail: 'b' }],
    });
  });

  it('never tells what went wrong inside', () => {
    expect(toLikenessError(new TypeError('secret detail'))).toMatchObject({
      code: 'internal',
      message: 'The request could not be completed.',
    });
    expect(toLikenessError('a string')).toMatchObject({ code: 'internal' });
    expect(toLikenessError(new Error('outer', { cause: new LikenessError('queue_full', 'inner') })).code).toBe('queue_full');
  });

  it('can be written on a bare socket', () => {
    const text = rawProblem(new LikenessError('malformed_request', 'é'), 'req_1', '');
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head.split('\r\n')[0]).toBe('HTTP/1.1 400 Bad Request');
    expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
    expect(JSON.parse(body)).toMatchObject({ code: 'malformed_request', request_id: 'req_1' });
  });
});

describe('an idempotent request', () => {
  it('is the same for the same JSON value, whatever the order of its keys', () => {
    const hash = (value: unknown) => Buffer.from(idempotentRequest('key', 'POST /v1/generations', value)?.hash ?? []).toString('hex');
    expect(hash({ a: 1, b: { c: [1, 2], d: null } })).toBe(hash({ b: { d: null, c: [1, 2] }, a: 1.0 }));
    expect(hash({ a: [1, 2] })).not.toBe(hash({ a: [2, 1] }));
    expect(hash({ a: '1' })).not.toBe(hash({ a: 1 }));
  });

  it('needs a printable key of at most 255 characters', () => {
    expect(idempotentRequest(undefined)).toBeUndefined();
    expect(idempotentRequest('a'.repeat(255))?.key).toHaveLength(255);
    for (const key of ['', 'a'.repeat(256), 'schlüssel', 'tab\t']) {
      expect(thrownBy(() => idempotentRequest(key)).fields[0]?.pointer).toBe('Idempotency-Key:');
    }
  });

  it('has one canonical form', () => {
    expect(canonicalJson({ b: [1, 'é', null, true], a: { d: undefined, c: -0 } })).toBe('{"a":{"c":0},"b":[1,"é",null,true]}');
  });
});

describe('the rate limit', () => {
  it('counts a window of a minute per tenant', () => {
    let time = 0;
    const { limit, close } = createRateLimiter(
      async () => new Map(),
      () => time,
    );
    close();
    expect(limit('a', 2)).toEqual({ allowed: true, policy: '"default";q=2;w=60', state: '"default";r=1;t=60', resetSeconds: 60 });
    time = 30_500;
    expect(limit('a', 2)).toMatchObject({ allowed: true, state: '"default";r=0;t=30' });
    expect(limit('a', 2)).toMatchObject({ allowed: false, state: '"default";r=0;t=30', resetSeconds: 30 });
    expect(limit('b', 2).allowed).toBe(true);
    time = 60_000;
    expect(limit('a', 2)).toMatchObject({ allowed: true, state: '"default";r=1;t=60' });
  });

  it('is one for all processes, a second late: each tells what it let through and hears what all did', async () => {
    let time = 0;
    const rows = new Map<string, { tenant_id: string; used: number; ms_left: number }>();
    const told: number[] = [];
    const process = () =>
      createRateLimiter(
        async (windows) => {
          for (const { id, told: count } of windows) {
            told.push(count);
            rows.set(id, { tenant_id: id, used: (rows.get(id)?.used ?? 0) + count, ms_left: 60_000 - time });
          }
          return rows;
        },
        () => time,
      );
    const [one, other] = [process(), process()];
    one.close();
    other.close();
    for (let i = 0; i < 3; i++) one.limit('a', 5);
    await one.share();
    time = 1_000;
    expect(other.limit('a', 5)).toMatchObject({ allowed: true, state: '"default";r=4;t=60' }); // it has not heard yet
    await other.share();
    expect(other.limit('a', 5)).toMatchObject({ allowed: true, state: '"default";r=0;t=59' }); // 3 there, 2 here
    expect(other.limit('a', 5)).toMatchObject({ allowed: false });
    await other.share();
    await other.share(); // nothing new is nothing told
    expect(told).toEqual([3, 1, 1]);
  });

  it('goes on alone while it cannot share, and tells later', async () => {
    let away = true;
    const told: number[] = [];
    const limiter = createRateLimiter(
      async (windows) => {
        if (away) throw new Error('away');
        told.push(...windows.map((window) => window.told));
        return new Map();
      },
      () => 0,
    );
    limiter.close();
    limiter.limit('a', 2);
    await expect(limiter.share()).rejects.toThrow('away');
    expect([limiter.limit('a', 2).allowed, limiter.limit('a', 2).allowed]).toEqual([true, false]);
    away = false;
    await limiter.share();
    expect(told).toEqual([2]);
  });
});

describe('If-None-Match', () => {
  it.each([
    ['"3"', true],
    ['W/"3"', true],
    ['"1", "3"', true],
    ['*', true],
    ['"33"', false],
    ['3', false],
    [undefined, false],
  ])('%s matches "3": %s', (header, matches) => {
    expect(matchesETag(header, '3')).toBe(matches);
  });
});
