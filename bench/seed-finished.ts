/** Jobs that were done long ago, so that a benchmark can show that they cost nothing: every row that a real one leaves, made by the database itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, many, openDb, sql } from '@likeness/platform/db';
import { z } from 'zod';

const CHUNK = 50_000;

/** Ids of the form that `newId` makes, of times before now, so that they sort before every real one. */
const idOf = (prefix: string, of: string) => `'${prefix}_' || lpad('', 10, '0') || lpad((${of})::text, 16, '0')`;

export async function seedFinished(databaseUrl: string, count: number, say: (line: string) => void): Promise<void> {
  const db = openDb(databaseUrl, { max: 1, statementTimeoutMs: 600_000 });
  try {
    const [tenant] = await many(db, z.object({ id: z.string() }), sql`SELECT id FROM tenant WHERE name = 'default'`);
    if (!tenant) throw new Error('there is no default tenant');
    // The rows are consistent by construction; checking 16 million foreign keys would take longer than everything else.
    await db.pool.query(`SET session_replication_role = replica; SET synchronous_commit = off`);
    for (let from = 1; from <= count; from += CHUNK) {
      const to = Math.min(count, from + CHUNK - 1);
      for (const statement of statementsFor(from, to)) await db.pool.query(statement, [tenant.id]);
      say(`${to.toLocaleString('en')} of ${count.toLocaleString('en')} finished jobs seeded`);
    }
    for (const table of ['generation', 'stage', 'artifact', 'event']) await db.pool.query(`VACUUM ANALYZE ${table}`);
    await exec(db, sql`CHECKPOINT`);
    await sleep(2_000);
  } finally {
    await db.close();
  }
}

const statementsFor = (from: number, to: number): string[] => {
  const jobs = `generate_series(${from}, ${to}) AS i`;
  const at = `now() - interval '20 days' + i * interval '1 second' / 1000`;
  return [
    `INSERT INTO generation (id, tenant_id, status, sequence, input, pack, images, gpu_seconds, created_at, started_at, completed_at, expires_at)
     SELECT ${idOf('gen', 'i')}, $1, 'succeeded', 5, '{"prompt": "a person", "reference_images": ["upl_00000000000000000000000000"], "num_images": 1}',
            '{"name": "noop", "version": "1", "trained": false}', 1, 0.01, ${at}, ${at}, ${at}, ${at} + interval '30 days' FROM ${jobs}`,
    `INSERT INTO stage (id, generation_id, tenant_id, name, queue, status, attempt, enqueued, enqueued_at, queued_at, started_at, completed_at)
     SELECT ${idOf('stg', 'i * 3 + n')}, ${idOf('gen', 'i')}, $1, (ARRAY['parse', 'embed', 'sample'])[n + 1], (ARRAY['parsing', 'embedding', 'diffusion'])[n + 1],
            'succeeded', 1, 1, ${at}, ${at}, ${at}, ${at} FROM ${jobs}, generate_series(0, 2) AS n`,
    `INSERT INTO artifact (id, generation_id, tenant_id, stage, name, object_key, content_type, size, sha256, created_at)
     SELECT ${idOf('art', 'i * 5 + n')}, ${idOf('gen', 'i')}, $1, 'parse', (ARRAY['reference', 'face', 'label-map', 'identity', 'images'])[n + 1],
            't/seed/' || i || '/' || n, 'image/png', 68, repeat('0', 64), ${at} FROM ${jobs}, generate_series(0, 4) AS n`,
    `INSERT INTO event (generation_id, tenant_id, sequence, type, data, created_at)
     SELECT ${idOf('gen', 'i')}, $1, n, CASE n WHEN 5 THEN 'completed' ELSE 'status' END, '{"status": "processing", "stage": "parse", "progress": null}', ${at}
       FROM ${jobs}, generate_series(1, 5) AS n`,
  ];
};
