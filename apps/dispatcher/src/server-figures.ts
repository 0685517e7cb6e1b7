/** The servers behind us as Prometheus sees them, as far as they say it themselves: no exporter has to run beside them. */
import { many, one, sql, type Db } from '@likeness/platform/db';
import { readQueueServer, type QueueConfig } from '@likeness/platform/queue';
import { onceASecond, type Metrics } from '@likeness/platform/telemetry';
import { z } from 'zod';

const Database = z.object({
  bytes: z.number(),
  connections: z.number(),
  connection_limit: z.number(),
  oldest_transaction_seconds: z.number(),
});
const Table = z.object({ name: z.string(), rows: z.number(), dead_rows: z.number() });

export function showServers(metrics: Metrics, db: Db, config: QueueConfig): void {
  const database = onceASecond(async () => (await readDatabase(db))!); // an aggregate has a row
  const ofDatabase = (name: string, help: string, field: keyof z.infer<typeof Database>) =>
    metrics.gauge(name, help, [], async () => [{ labels: {}, value: (await database())[field] }]);
  ofDatabase('likeness_database_bytes', 'Size of the database', 'bytes');
  ofDatabase('likeness_database_connections', 'Connections to the database, of all processes', 'connections');
  ofDatabase('likeness_database_connection_limit', 'Connections that the server allows', 'connection_limit');
  ofDatabase(
    'likeness_database_oldest_transaction_seconds',
    'How long the oldest open transaction has kept vacuum from removing what it may see',
    'oldest_transaction_seconds',
  );

  const tables = onceASecond(() => readTables(db));
  const ofTables = (name: string, help: string, field: 'rows' | 'dead_rows') =>
    metrics.gauge(name, help, ['table'], async () =>
      (await tables()).map((table) => ({ labels: { table: table.name }, value: table[field] })),
    );
  ofTables('likeness_table_rows', 'Live rows of a table, estimated', 'rows');
  ofTables('likeness_table_dead_rows', 'Rows of a table that wait for vacuum, estimated', 'dead_rows');

  if (config.REDIS_URL === undefined) return;
  const redis = onceASecond(async () => (await readQueueServer(config))!);
  metrics.gauge('likeness_redis_memory_bytes', 'Memory that Redis uses', [], async () => [
    { labels: {}, value: (await redis()).memoryBytes },
  ]);
  metrics.gauge('likeness_redis_memory_limit_bytes', 'Memory that Redis may use; 0 = no limit', [], async () => [
    { labels: {}, value: (await redis()).memoryLimitBytes },
  ]);
  metrics.gauge('likeness_redis_evicts', '1 when Redis has a policy under which it drops jobs, 0 with noeviction', [], async () => [
    { labels: {}, value: (await redis()).policy === 'noeviction' ? 0 : 1 },
  ]);
}

const readDatabase = (db: Db) =>
  one(
    db,
    Database,
    sql`SELECT pg_database_size(current_database())::float8 AS bytes, count(*)::int AS connections,
               current_setting('max_connections')::int AS connection_limit,
               coalesce(extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (WHERE pid <> pg_backend_pid())), 0)::float8 AS oldest_transaction_seconds
          FROM pg_stat_activity WHERE datname = current_database()`,
  );

const readTables = (db: Db) =>
  many(db, Table, sql`SELECT relname AS name, n_live_tup::float8 AS rows, n_dead_tup::float8 AS dead_rows FROM pg_stat_user_tables`);
