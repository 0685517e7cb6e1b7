/**
 * While an upgrade rolls, workers of the version before work on the database of this one, beside its API and dispatcher. The version before
 * is the newest tag v…, or PREVIOUS_VERSION; where there is none yet, there is nothing to hold to that.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { useStack } from './stack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

function versionBefore(): string | undefined {
  if (process.env['PREVIOUS_VERSION']) return process.env['PREVIOUS_VERSION'];
  try {
    return git('tag', '--list', 'v*', '--sort=-version:refname', '--no-contains', 'HEAD').split('\n')[0] || undefined;
  } catch {
    return undefined; // not a clone
  }
}

const previous = versionBefore();
if (previous === undefined) console.warn('\n!!! no tag of a version before this one: rolling upgrades are not tested\n');

describe.skipIf(previous === undefined)(`workers of ${previous}`, () => {
  const checkout = mkdtempSync(join(tmpdir(), 'likeness-previous-'));
  afterAll(async () => {
    git('worktree', 'remove', '--force', checkout);
    await rm(checkout, { recursive: true, force: true });
  });
  const fixture = useStack({ workersFrom: checkout }, async () => {
    git('worktree', 'add', '--detach', checkout, previous!);
    execFileSync('node', ['tools/setup.mjs', '--then', 'tools/build.ts'], { cwd: checkout });
    return {};
  });

  it('make portraits, and end a job that is canceled', async () => {
    const { client, photo, receiver, stack } = fixture();
    const upload = await client.upload(photo);
    const input = { reference_images: [upload.id], prompt: 'a person' };
    const jobs = await Promise.all(Array.from({ length: 3 }, () => client.create({ ...input, steps: 3 }, { webhook: receiver.url })));
    const long = await client.create({ ...input, steps: 200 });
    for (const { id } of jobs) {
      const done = await client.untilTerminal(id);
      expect(done.status, JSON.stringify(done.error)).toBe('succeeded');
      await receiver.received(id, stack.connection().webhook_secret, 20_000);
    }
    await client.cancel(long.id);
    expect((await client.untilTerminal(long.id)).status).toBe('canceled');
  });
});
