/** As docs/operations.md has it for a single machine: stop, copy the data directory, start from the copy. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Client } from '../tools/stack/client.ts';
import { startScratchStack } from '../tools/stack/scratch-stack.ts';

const copy = await mkdtemp(join(tmpdir(), 'likeness-restored-'));
const started: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const stack of started) await stack.close();
  await rm(copy, { recursive: true, force: true });
});

it('a restored system serves what was made before the backup, and finishes what was queued', async () => {
  const before = await startScratchStack();
  started.push(before);
  const { client, stack, photo } = before;
  const upload = await client.upload(photo);
  const made = await client.untilTerminal((await client.create({ reference_images: [upload.id], prompt: 'a person', steps: 2 })).id);
  expect(made.status).toBe('succeeded');
  const operator = new Client(stack.url, stack.connection().admin_key);
  expect((await operator.call('POST', '/admin/worker-classes/diffusion/pause')).status).toBe(200);
  const queued = await client.create({ reference_images: [upload.id], prompt: 'a person in the snow', steps: 2 });
  await client.until(queued.id, ({ stage }) => stage === 'sample');

  const { path } = stack.directory;
  await stack.stop();
  execFileSync('cp', ['-a', `${path}/.`, copy]); // Postgres' files belong to a user of its own
  await before.close();
  started.pop();

  const after = await startScratchStack({ data: copy });
  started.push(after);
  const restored = await after.client.get(made.id);
  const picture = Buffer.from(await (await fetch(restored.output![0]!.url)).arrayBuffer());
  expect(createHash('sha256').update(picture).digest('hex')).toBe(made.output![0]!.sha256);
  expect(await after.client.get(queued.id)).toMatchObject({ status: 'processing', stage: 'sample' });
  const again = new Client(after.stack.url, after.stack.connection().admin_key);
  expect((await again.call('POST', '/admin/worker-classes/diffusion/resume')).status).toBe(200);
  expect((await after.client.untilTerminal(queued.id)).status).toBe('succeeded');
});
