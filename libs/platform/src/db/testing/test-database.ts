/** A database per test file, made from a migrated template: a few milliseconds instead of a migration. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../migrate.ts';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

const TEMPLATE = 'likeness_template';

/** Needs the server that `testing/global-setup.ts` provides to the medium tests. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL;
  if (server === undefined) throw new Error('no TEST_DATABASE_URL: run this test through the "medium" project of vitest.config.ts');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await statement(server, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  return { url: urlOf(server, name), drop: () => statement(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** A fresh template on a server: one of a former run may be of other migrations. */
export async function makeTemplate(server: string): Promise<void> {
  await statement(server, `DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`);
  await statement(server, `CREATE DATABASE ${TEMPLATE}`);
  await migrate(urlOf(server, TEMPLATE));
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function statement(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
