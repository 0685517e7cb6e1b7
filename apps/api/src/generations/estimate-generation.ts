/** What a generation would cost and when it would be done: judged like a real one, and nothing is made. */
import type { AcceptedInput, Estimate, TenantId } from '@likeness/contracts';
import { FIRST_STAGE, flow } from '@likeness/generation';
import { one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import type { Principal } from '../http/api-keys.ts';
import type { Parts } from '../parts.ts';
import { createPresetFinder } from '../presets/presets.store.ts';
import { inspectPicture } from '../uploads/inspect-picture.ts';
import { checkInput } from './accept-input.ts';
import { refusalOf } from './insert-generations.ts';
import type { CreateRequest } from './read-create-request.ts';

/**
 * @throws LikenessError what `createGeneration` throws for the same request, but for limits: they are a matter of the moment
 */
export async function estimateGeneration(parts: Parts, { tenantId }: Principal, { body, references }: CreateRequest): Promise<Estimate> {
  const { input } = await checkInput(parts, body.input, references, createPresetFinder(parts.db, tenantId));
  if (body.webhook !== undefined) await parts.egress.check(body.webhook, 'webhook_url_blocked');
  for (const reference of references) if (typeof reference !== 'string') await inspectPicture(reference.bytes);
  const uploads = references.filter((reference) => typeof reference === 'string' && !reference.startsWith('http'));
  const { waiting, seconds_per_step, gpu_seconds_per_step, ...found } = await look(parts.db, tenantId, uploads as string[], input);
  const refusal = refusalOf({ ...found, subject: input.subject ?? null, refusal: null, admitted: true, created: false });
  if (refusal) throw refusal;
  const steps = input.num_images * input.steps;
  const position = waiting + 1;
  const rounded = (seconds: number) => Math.round(seconds * 10) / 10;
  return {
    queue_position: position,
    eta_seconds: rounded(position * (await parts.pace()) + steps * seconds_per_step),
    gpu_seconds: rounded(steps * gpu_seconds_per_step),
    images: input.num_images,
  };
}

const Look = z.object({
  unusable: z.string().nullable(),
  subject_is: z.enum(['usable', 'erased', 'missing']).nullable(),
  waiting: z.number(),
  seconds_per_step: z.number(),
  gpu_seconds_per_step: z.number(),
});

/** The first upload that cannot be used, what became of the subject, the queue, and what a step of a picture took in the generations made lately with the pack. */
async function look(
  db: Db,
  tenantId: TenantId,
  uploads: readonly string[],
  { pack, subject: id }: Pick<AcceptedInput, 'pack' | 'subject'>,
): Promise<z.infer<typeof Look>> {
  const subject = id ?? null;
  const row = await one(
    db,
    Look,
    sql`
    WITH lately AS (
      SELECT sum(extract(epoch FROM completed_at - started_at))::float8 AS seconds, sum(gpu_seconds) AS gpu_seconds, sum(images * (input->>'steps')::int) AS steps
        FROM (SELECT * FROM generation ORDER BY id DESC LIMIT 500) AS newest
       WHERE status = 'succeeded' AND NOT data_removed AND pack->>'name' = ${pack}
    )
    SELECT (SELECT min(used.id) FROM unnest(${[...uploads]}::text[]) AS used (id)
             WHERE NOT EXISTS (SELECT FROM upload u WHERE u.id = used.id AND u.tenant_id = ${tenantId} AND u.status = 'ready' AND u.expires_at > now())) AS unusable,
           CASE WHEN ${subject}::text IS NOT NULL THEN coalesce(
             (SELECT CASE WHEN erased_at IS NULL AND coalesce(expires_at > now(), true) THEN 'usable' ELSE 'erased' END FROM subject
               WHERE id = ${subject} AND tenant_id = ${tenantId}), 'missing') END AS subject_is,
           (SELECT count(*)::int FROM (SELECT FROM stage WHERE queue = ${flow[FIRST_STAGE].queue} AND status = 'queued' LIMIT 999) AS ahead) AS waiting,
           coalesce(seconds / nullif(steps, 0), 0)::float8 AS seconds_per_step, coalesce(gpu_seconds / nullif(steps, 0), 0)::float8 AS gpu_seconds_per_step
      FROM lately`,
  );
  if (!row) throw new Error('a sum has one row');
  return row;
}
