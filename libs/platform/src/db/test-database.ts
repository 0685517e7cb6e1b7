/** A database per test file, made from a migrated template: a few milliseconds instead of a migration. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';

export const TEMPLATE = 'likeness_template';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** Needs the server of `test-server.ts`, which the Vitest configuration starts for the medium tests. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL;
  if (server === undefined) throw new Error('no TEST_DATABASE_URL: run this test through the "medium" project of vitest.config.ts');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await query(server, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => query(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

export async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
