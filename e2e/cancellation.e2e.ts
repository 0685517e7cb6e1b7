import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { useStack } from './stack.ts';

describe('cancel', () => {
  const fixture = useStack();

  it('stops a running denoise, frees the worker, and is final', async () => {
    const { client, photo, receiver, stack } = fixture();
    const upload = await client.upload(photo);
    const long = await client.create(
      { reference_images: [upload.id], prompt: 'a person', steps: 100, num_images: 8 },
      { webhook: receiver.url },
    );
    await client.until(long.id, (g) => g.stage === 'sample' && (g.progress?.step ?? 0) > 0);
    const canceled = await client.cancel(long.id);
    expect([200, 202]).toContain(canceled.status);
    const done = await client.untilTerminal(long.id, 15_000);
    expect(done).toMatchObject({ status: 'canceled', output: null });
    expect((await receiver.received(long.id, stack.connection().webhook_secret, 10_000)).data.status).toBe('canceled');
    expect((await client.cancel(long.id)).status).toBe(200);

    const next = await client.create({ reference_images: [upload.id], prompt: 'a person', steps: 2 });
    expect((await client.untilTerminal(next.id, 20_000)).status).toBe('succeeded');
    await sleep(500);
    expect((await client.get(long.id)).status).toBe('canceled');
  });

  it('cancels what is still queued at once', async () => {
    const { client, photo } = fixture();
    const upload = await client.upload(photo);
    const running = await client.create({ reference_images: [upload.id], prompt: 'a person', steps: 100, num_images: 4 });
    const waiting = await client.create({ reference_images: [upload.id], prompt: 'a person' });
    const answer = await client.cancel(waiting.id);
    expect([200, 202]).toContain(answer.status);
    expect((await client.untilTerminal(waiting.id, 15_000)).status).toBe('canceled');
    await client.cancel(running.id);
    await client.untilTerminal(running.id, 15_000);
  });
});
