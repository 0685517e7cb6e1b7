import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Generation } from '@likeness/contracts';
import { startApi } from '../testing/api.ts';

const json = { input: { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' } };

describe('the end of the API', () => {
  it('answers who waits, then takes no more', async () => {
    const api = await startApi();
    const waiting = api.call<Generation>('POST', '/v1/generations', { json, headers: { prefer: 'wait=30' } });
    await sleep(300);
    const start = performance.now();
    await Promise.all([api.close(), sleep(10)]);
    expect(performance.now() - start).toBeLessThan(3_000);
    const { status, body } = await waiting;
    expect([status, body.status]).toEqual([202, 'queued']);
    await expect(api.call('GET', '/healthz')).rejects.toThrow('fetch failed');
    await api.stop();
  });

  it('can come twice', async () => {
    const api = await startApi();
    await api.close();
    await api.stop();
  });
});

describe('with Redis away', () => {
  it('jobs are accepted, read and canceled, and the API is ready', async () => {
    const api = await startApi({ REDIS_URL: 'redis://127.0.0.1:1' });
    try {
      const created = await api.call<Generation>('POST', '/v1/generations', { json });
      expect(created.status).toBe(202);
      expect((await api.call('POST', `/v1/generations/${created.body.id}/cancel`)).status).toBe(200);
      expect((await api.call('GET', '/readyz', { key: null })).status).toBe(200);
    } finally {
      await api.stop();
    }
  });
});
