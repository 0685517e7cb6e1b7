import { openDb, testDatabase, type Db } from '@likeness/platform/db';
import { Metrics } from '@likeness/platform/telemetry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { showServers } from './server-figures.ts';

let db: Db;
let url: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  const database = await testDatabase();
  url = database.url;
  db = openDb(url, { max: 2 });
  stop = async () => {
    await db.close();
    await database.drop();
  };
});
afterAll(() => stop());

describe('the figures of the servers', () => {
  it('say how full the database is, and what vacuum has left', async () => {
    const metrics = new Metrics('test');
    showServers(metrics, db, { DATABASE_URL: url });
    const value = async (line: RegExp) => Number(line.exec(await metrics.text())?.[1]);
    expect(await value(/^likeness_database_bytes\S* (\S+)$/m)).toBeGreaterThan(1e6);
    expect(await value(/^likeness_database_connections\S* (\S+)$/m)).toBeGreaterThanOrEqual(1);
    expect(await value(/^likeness_database_connection_limit\S* (\S+)$/m)).toBeGreaterThanOrEqual(10);
    expect(await value(/^likeness_database_oldest_transaction_seconds\S* (\S+)$/m)).toBeGreaterThanOrEqual(0);
    expect(await value(/^likeness_table_dead_rows\{[^}]*table="generation"[^}]*\} (\S+)$/m)).toBeGreaterThanOrEqual(0);
    expect(await metrics.text()).not.toContain('likeness_redis');
  });

  it('have no value while the server is away, and the scrape goes on', async () => {
    const metrics = new Metrics('test');
    showServers(metrics, db, { DATABASE_URL: url, REDIS_URL: 'redis://127.0.0.1:1' });
    const text = await metrics.text();
    expect(text).toMatch(/^# TYPE likeness_redis_evicts gauge$/m);
    expect(text).not.toMatch(/^likeness_redis_evicts/m);
    expect(text).toMatch(/^likeness_database_bytes/m);
  });
});
