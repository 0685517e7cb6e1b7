import { describe, expect, it } from 'vitest';
import { burstKey, Bursts } from './bursts.ts';

describe('a burst', () => {
  const request = burstKey('ten_1', 'POST', '/v1/predictions', { input: { prompt: 'a', seed: 1 } });

  it('is the same request within three seconds: one is made, all get it', async () => {
    let time = 0;
    const bursts = new Bursts(() => time);
    let made = 0;
    const make = () => Promise.resolve(++made);
    expect(await Promise.all([bursts.once(request, make), bursts.once(request, make)])).toEqual([1, 1]);
    time = 2_999;
    expect(await bursts.once(request, make)).toBe(1);
    time = 3_000;
    expect(await bursts.once(request, make)).toBe(2);
  });

  it('that failed is tried anew by whoever asks later; its copies fail with it', async () => {
    const bursts = new Bursts(() => 0);
    let fail: (error: Error) => void = () => undefined;
    const first = bursts.once(request, () => new Promise<string>((_done, failed) => (fail = failed)));
    const copy = bursts.once(request, () => Promise.resolve('of its own'));
    fail(new Error('the limit is reached'));
    await expect(first).rejects.toThrow('limit');
    await expect(copy).rejects.toThrow('limit');
    expect(await bursts.once(request, () => Promise.resolve('later'))).toBe('later');
  });

  it('of a failure does not take a later one with it', async () => {
    let time = 0;
    const bursts = new Bursts(() => time);
    let fail: (error: Error) => void = () => undefined;
    const slow = bursts.once(request, () => new Promise<string>((_done, failed) => (fail = failed)));
    time = 3_000;
    const next = bursts.once(request, () => Promise.resolve('next'));
    fail(new Error('too late'));
    await expect(slow).rejects.toThrow('too late');
    expect(await next).toBe('next');
    expect(await bursts.once(request, () => Promise.resolve('again'))).toBe('next');
  });

  it('knows the same body whatever the order of its keys, and the tenant', () => {
    const hash = ({ hash }: { hash: Uint8Array }) => Buffer.from(hash).toString('hex');
    expect(hash(burstKey('ten_1', 'POST', '/v1/predictions', { input: { seed: 1, prompt: 'a' } }))).toBe(hash(request));
    expect(hash(burstKey('ten_2', 'POST', '/v1/predictions', { input: { prompt: 'a', seed: 1 } }))).not.toBe(hash(request));
    expect(request.key).toMatch(/^\t/); // no key of a client's begins so
  });
});
