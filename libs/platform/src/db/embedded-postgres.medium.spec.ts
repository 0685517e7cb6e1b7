import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { exec, one, openDb, sql, startEmbeddedPostgres } from './index.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'likeness-pg-'));
  await chmod(dir, 0o711);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const serversOf = (path: string) =>
  execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /^\S*bin\/postgres -D/.test(line) && line.includes(path));

it('keeps what was written over a restart', async () => {
  const first = await startEmbeddedPostgres({ dir: join(dir, 'postgres') });
  let db = openDb(first.url, { max: 1 });
  await exec(db, sql`CREATE TABLE kept AS SELECT 42 AS n`);
  await db.close();
  await first.stop();
  expect(serversOf(dir)).toEqual([]);
  const second = await startEmbeddedPostgres({ dir: join(dir, 'postgres') });
  db = openDb(second.url, { max: 1 });
  expect(await one(db, z.object({ n: z.number() }), sql`SELECT n FROM kept`)).toEqual({ n: 42 });
  await db.close();
  await second.stop();
});

it('goes with an owner that is killed, and starts again on the same directory', async () => {
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(new URL('./embedded-postgres.ts', import.meta.url).href)});
    await startEmbeddedPostgres({ dir: ${JSON.stringify(join(dir, 'postgres'))} }); console.log('up'); setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '--conditions=source', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(owner.stdout, 'data');
  expect(serversOf(dir)).toHaveLength(1);
  owner.kill('SIGKILL');
  const again = await startEmbeddedPostgres({ dir: join(dir, 'postgres') });
  expect(serversOf(dir)).toHaveLength(1);
  await again.stop();
  await expect.poll(() => serversOf(dir), { timeout: 5000 }).toEqual([]);
});
