import { describe, expect, it } from 'vitest';
import type { Batch, BatchItemList, Generation } from '@likeness/contracts';
import type { z } from 'zod';
import { useStack } from './stack.ts';

describe('a batch of scenarios', () => {
  const fixture = useStack({ pack: 'noop' });

  it('makes all of its portraits, each followed by its events, and calls back once at the end', async () => {
    const { client, photo, receiver, stack } = fixture();
    const upload = await client.upload(photo);
    const scenarios = ['red-hat', 'snow', 'riding-a-horse', 'banksy', 'nothing-of-ours'];
    const { status, body: batch } = await client.call<Batch>('POST', '/v1/batches', {
      items: scenarios.map((preset) => ({ custom_id: preset, input: { preset } })),
      defaults: { input: { reference_images: [upload.id], subject_description: 'a woman' } },
      webhook: receiver.url,
    });
    expect([status, batch.counts.accepted, batch.counts.rejected]).toEqual([202, 4, 1]);
    const items = (await client.call<z.infer<typeof BatchItemList>>('GET', `/v1/batches/${batch.id}/items`)).body.data;

    const text = await (
      await fetch(`${client.url}/v1/generations/${items[0]?.generation_id}/events`, {
        headers: { authorization: `Bearer ${client.key}`, 'last-event-id': '0' },
      })
    ).text();
    const blocks = text.split('\n\n').filter((block) => block.startsWith('id: '));
    const ids = blocks.map((block) => Number(/^id: (\d+)/.exec(block)?.[1]));
    expect(ids).toEqual(ids.map((_, i) => i + 1));
    expect(blocks.at(-1)).toContain('event: completed');
    const portrait = JSON.parse(/^data: (.*)$/m.exec(blocks.at(-1) ?? '')?.[1] ?? '') as Generation;
    expect(portrait).toMatchObject({ status: 'succeeded', input: { prompt: 'a woman wearing a red hat', preset: 'red-hat@1' } });
    expect((await fetch(portrait.output?.[0]?.url ?? '')).status).toBe(200);

    const told = await receiver.received(batch.id, stack.connection().webhook_secret, 20_000);
    expect(told).toMatchObject({ type: 'batch.completed', data: { status: 'completed', counts: { total: 5, succeeded: 4, rejected: 1 } } });
    const { body: ended } = await client.call<Batch>('GET', `/v1/batches/${batch.id}`);
    expect([ended.status, ended.counts.succeeded]).toEqual(['completed', 4]);
  });
});
