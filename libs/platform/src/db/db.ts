import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import type { z } from 'zod';
import { PrismaClient } from './generated/client.ts';
import type { Sql } from './sql.ts';

export interface DbOptions {
  /** Connections in the pool. Default 10. */
  readonly max?: number;
  /** Shown in pg_stat_activity. */
  readonly name?: string;
  /** Milliseconds after which the server gives a statement up. Default 15 s. */
  readonly statementTimeoutMs?: number;
  /** Called when an idle connection breaks (a restart of Postgres, say); the pool replaces it by itself. */
  readonly onConnectionLost?: (error: Error) => void;
}

/** One pool. Prisma reads and writes single rows through it; state changes are single statements: `one`, `many`, `exec`. */
export interface Db {
  readonly pool: pg.Pool;
  readonly prisma: PrismaClient;
  close(): Promise<void>;
}

export function openDb(url: string, options: DbOptions = {}): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.name ?? 'likeness',
    statement_timeout: options.statementTimeoutMs ?? 15_000,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // Without a listener an idle connection that breaks would end the process.
  pool.on('error', options.onConnectionLost ?? (() => undefined));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) });
  return {
    pool,
    prisma,
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/** The rows of a statement, each checked against the schema. */
export async function many<T>(db: Pick<Db, 'pool'>, schema: z.ZodType<T>, statement: Sql): Promise<T[]> {
  const { rows } = await db.pool.query(statement.query);
  return rows.map((row) => schema.parse(row));
}

/** The only row of a statement, or null. More than one row is a mistake in the statement. */
export async function one<T>(db: Pick<Db, 'pool'>, schema: z.ZodType<T>, statement: Sql): Promise<T | null> {
  const rows = await many(db, schema, statement);
  if (rows.length > 1) throw new Error(`a statement for one row gave ${rows.length}`);
  return rows[0] ?? null;
}

/** Runs a statement; returns how many rows it changed. */
export async function exec(db: Pick<Db, 'pool'>, statement: Sql): Promise<number> {
  return (await db.pool.query(statement.query)).rowCount ?? 0;
}

/**
 * Runs `work` while holding a session-wide advisory lock; returns undefined at once when another process holds it.
 * The lock goes with its connection, so a process that dies gives it back.
 */
export async function withAdvisoryLock<T>(db: Pick<Db, 'pool'>, key: number, work: () => Promise<T>): Promise<T | undefined> {
  const client = await db.pool.connect();
  try {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [key]);
    if (!rows[0]?.locked) return undefined;
    try {
      return await work();
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [key]);
    }
  } finally {
    client.release();
  }
}
