/** What happened, told to those who want to know: the deliveries of an event are rows of the statement that makes it happen. */
import type { EventType } from '@likeness/contracts';
import { empty, sql, type Sql } from '@likeness/platform/db';

/**
 * The webhooks of an event, as two CTEs (`announced`, `posted`) for the statement that changes the state: a delivery for the URL that
 * the request itself named, one for each enabled endpoint of the tenant that listens to the type, and the messages that send them.
 *
 *   WITH done AS (UPDATE batch … RETURNING *), ${announced('batch.completed', sql`
 *     SELECT tenant_id, NULL AS generation_id, sequence, webhook_url AS url, 'standard' AS format,
 *            jsonb_build_object('id', id, 'status', status, 'sequence', sequence, 'counts', …) AS data
 *       FROM done`)}
 *   SELECT id FROM done
 *
 * `events` gives one row per event, with exactly these columns:
 *   tenant_id      text
 *   generation_id  text or null: deliveries go with the generation when it goes
 *   sequence       integer, rising with the events of one id; 1 where there is only one
 *   url            text or null: the request's own webhook
 *   format         text: who makes what is sent to `url`; endpoints always get 'standard'
 *   data           jsonb: the `data` of the body, as contracts/events.ts has it. Made here, once: every attempt sends the same.
 */
export function announced(type: EventType, events: Sql): Sql {
  // The statement that disables an endpoint still sees it enabled.
  const notItself = type === 'endpoint.disabled' ? sql`AND w.id <> e.data->>'id'` : empty;
  return sql`
    announced AS (
      INSERT INTO webhook_delivery (id, tenant_id, generation_id, endpoint_id, type, sequence, url, format, body)
      SELECT new_id('whd'), e.tenant_id, e.generation_id, target.endpoint_id, ${type}::text, e.sequence, target.url, target.format,
             jsonb_build_object('type', ${type}::text, 'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                                'data', e.data)
        FROM (${events}) AS e
       CROSS JOIN LATERAL (
         SELECT NULL AS endpoint_id, e.url, e.format WHERE e.url IS NOT NULL
         UNION ALL
         SELECT id, w.url, 'standard' FROM webhook_endpoint w
          WHERE w.tenant_id = e.tenant_id AND w.status = 'enabled' AND ${type}::text = ANY (w.events)
                ${notItself}
       ) AS target
      RETURNING id, tenant_id, attempt
    ), posted AS (${posted(sql`announced`)})`;
}

/** The messages that send deliveries at once. `deliveries`: the name of a CTE with their id, tenant_id and attempt. */
export const posted = (deliveries: Sql): Sql => sql`
  INSERT INTO outbox (job, queue, ref_id, n, tenant_id) SELECT 'deliver-webhook', 'webhooks', id, attempt + 1, tenant_id FROM ${deliveries}
  RETURNING pg_notify('outbox', 'webhooks')`;
