import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Generation, Problem } from '@likeness/contracts';
import { useStack } from './stack.ts';

describe('a photo in a POST, a portrait and a signed callback out', () => {
  const fixture = useStack();

  it('makes a portrait from a multipart request and reports progress on the way', async () => {
    const { client, receiver, stack, photo } = fixture();
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(photo)]), 'photo.jpg');
    form.append(
      'request',
      JSON.stringify({
        input: { prompt: 'a person in the snow', seed: 7, pack: 'sketch' },
        webhook: receiver.url,
        metadata: { order: 'A-1' },
      }),
    );
    const created = await client.call<Generation>('POST', '/v1/generations', form);
    expect(created.status).toBe(202);
    expect(created.headers.get('location')).toContain(created.body.id);

    const seen: Generation[] = [];
    const done = await client.until(created.body.id, (generation) => {
      seen.push(generation);
      return generation.status !== 'queued' && generation.status !== 'processing';
    });
    expect(done.status, JSON.stringify(done.error)).toBe('succeeded');
    expect(done.warnings).toContain('no_face_detector');
    expect(done.pack.trained).toBe(false);
    expect(done.input).toMatchObject({ prompt: 'a person in the snow', seed: 7 });
    const steps = seen.flatMap((g) => (g.stage === 'sample' && g.progress ? [g.progress] : []));
    expect(steps.some((p) => p.step > 0 && p.step < p.total && p.percent > 0)).toBe(true);
    const sequences = seen.map((g) => g.sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));

    const [artifact] = done.output ?? [];
    const picture = Buffer.from(await (await fetch(artifact?.url ?? '')).arrayBuffer());
    expect(createHash('sha256').update(picture).digest('hex')).toBe(artifact?.sha256);
    const { width, height, format } = await sharp(picture).metadata();
    expect({ width, height, format }).toEqual({ width: artifact?.width, height: artifact?.height, format: 'png' });
    const { channels } = await sharp(picture).stats();
    expect(Math.max(...channels.map((c) => c.stdev))).toBeGreaterThan(5);

    const webhook = await receiver.received(done.id, stack.connection().webhook_secret, 10_000);
    expect(webhook).toMatchObject({
      type: 'generation.completed',
      data: { id: done.id, status: 'succeeded', sequence: done.sequence, metadata: { order: 'A-1' } },
    });
    expect(webhook.data.output.map((o) => o.sha256)).toEqual([artifact?.sha256]);
  });

  it('gives the same picture for the same seed, another for another', async () => {
    const { client, photo } = fixture();
    const upload = await client.upload(photo);
    const picture = async (seed: number) => {
      const made = await client.create({ reference_images: [upload.id], prompt: 'a person', steps: 4, seed });
      const done = await client.untilTerminal(made.id);
      return (
        await sharp(Buffer.from(await (await fetch(done.output?.[0]?.url ?? '')).arrayBuffer()))
          .raw()
          .toBuffer()
      ).toString('base64');
    };
    const [first, again, other] = [await picture(1), await picture(1), await picture(2)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it('fails a job whose picture turns out to be broken, and goes on with the next', async () => {
    const { client, photo } = fixture();
    const truncated = await client.call<Generation | Problem>('POST', '/v1/generations', {
      input: {
        reference_images: [`data:image/jpeg;base64,${Buffer.from(photo.subarray(0, photo.length / 2)).toString('base64')}`],
        prompt: 'a person',
      },
    });
    const code =
      truncated.status === 202
        ? (await client.untilTerminal((truncated.body as Generation).id)).error?.code
        : (truncated.body as Problem).code;
    expect(code).toBe('image_unreadable');
    const next = await client.create({ reference_images: [(await client.upload(photo)).id], prompt: 'a person', steps: 2 });
    expect((await client.untilTerminal(next.id)).status).toBe('succeeded');
  });
});
