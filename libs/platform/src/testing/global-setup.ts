/** Vitest's global set-up for the medium tests: one Postgres for the run (embedded, in a container, or TEST_DATABASE_URL), and a migrated template in it. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../db/index.ts';
import { makeTemplate } from '../db/testing/test-database.ts';
import { images, inContainers, startContainer } from './containers.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined) {
    await makeTemplate(given);
    return async () => undefined;
  }
  const server = inContainers ? await startInContainer() : await startEmbedded();
  await makeTemplate(server.url);
  process.env.TEST_DATABASE_URL = server.url;
  return () => server.stop();
}

/** Nothing here outlives the run, so nothing has to reach the disk. */
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

async function startEmbedded() {
  const dir = await mkdtemp(join(tmpdir(), 'likeness-test-'));
  await chmod(dir, 0o711); // the server's own user has to pass through
  const server = await startEmbeddedPostgres({ dir: join(dir, 'postgres'), settings });
  const stop = async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return { url: server.url, stop };
}

const startInContainer = () =>
  startContainer({
    image: images.postgres,
    port: 5432,
    command: [
      'postgres',
      ...Object.entries({ ...settings, max_connections: '300' }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    environment: { POSTGRES_PASSWORD: 'likeness-tests' },
    urlOf: (port) => `postgres://postgres:likeness-tests@127.0.0.1:${port}/postgres`,
  });
