import { isTerminal, type Generation } from '@likeness/contracts';
import { many, openDb, sql } from '@likeness/platform/db';
import { z } from 'zod';
import { Client } from '../tools/stack/client.ts';
import { withNoopStack, type Benchmark } from './benchmark.ts';

const BACKLOG = 10_000;
const JOBS = 20;

/**
 * What one tenant's 10,000 queued jobs cost another's single one: how many of the first tenant's stages are claimed in the first
 * queue between the acceptance of the single job and its own claim. A fair round is what the queue may hold: some per slot.
 */
export const fairness: Benchmark = (say, options) =>
  withNoopStack(options, say, async ({ stack, client, upload, photo, parameters }) => {
    const admin = new Client(stack.url, stack.connection().admin_key);
    const tenant = await admin.call<{ id: string }>('POST', '/admin/tenants', { name: 'quiet shop' });
    const made = await admin.call<{ key: string }>('POST', `/admin/tenants/${tenant.body.id}/keys`, {
      name: 'bench',
      scopes: ['generations:read', 'generations:write', 'uploads:write'],
    });
    const quiet = new Client(stack.url, made.body.key);
    const quietUpload = (await quiet.upload(photo)).id;
    const input = { reference_images: [upload], prompt: 'a person' };
    for (let i = 0; i < BACKLOG / 1_000; i++)
      await client.call('POST', '/v1/batches', { items: Array.from({ length: 1_000 }, (_, n) => ({ custom_id: `${n}`, input })) });
    say(`${BACKLOG} jobs of one tenant are queued; ${JOBS} single ones of another follow`);
    const ids: string[] = [];
    for (let i = 0; i < JOBS; i++) {
      const job: Generation = await quiet.create({ ...input, reference_images: [quietUpload] });
      ids.push(job.id);
      await quiet.until(job.id, ({ status }) => isTerminal(status));
    }
    const db = openDb(stack.databaseUrl, { max: 1 });
    try {
      const rows = await many(
        db,
        z.object({ passed: z.number(), waited: z.number() }),
        sql`
          SELECT (SELECT count(*)::int FROM stage o WHERE o.name = 'parse' AND o.tenant_id <> s.tenant_id AND o.started_at > g.created_at AND o.started_at < s.started_at) AS passed,
                 extract(epoch FROM s.started_at - g.created_at)::float8 * 1000 AS waited
            FROM generation g JOIN stage s ON s.generation_id = g.id AND s.name = 'parse' WHERE g.id = ANY (${ids}) ORDER BY g.id`,
      );
      return {
        runs: rows.map(({ passed }) => passed),
        unit: 'jobs that came first',
        parameters: { backlog: BACKLOG, jobs: JOBS, ...parameters },
        parts: { 'accepted → first stage, ms': rows.map(({ waited }) => waited) },
      };
    } finally {
      await db.close();
    }
  });
