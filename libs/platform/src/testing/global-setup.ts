/** Vitest's global set-up for the medium tests: one Postgres for the run (or TEST_DATABASE_URL), and a migrated template in it. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../db/index.ts';
import { makeTemplate } from '../db/testing/test-database.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined) {
    await makeTemplate(given);
    return async () => undefined;
  }
  const dir = await mkdtemp(join(tmpdir(), 'likeness-test-'));
  await chmod(dir, 0o711); // the server's own user has to pass through
  // Nothing here outlives the run, so nothing has to reach the disk.
  const server = await startEmbeddedPostgres({
    dir: join(dir, 'postgres'),
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  });
  await makeTemplate(server.url);
  process.env.TEST_DATABASE_URL = server.url;
  return async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
