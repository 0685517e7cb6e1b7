/** The rows of webhook endpoints, one statement each. */
import { DisabledReason, EventType, MOST_ENDPOINTS, newId, type DeliveryId, type EndpointId, type TenantId } from '@likeness/contracts';
import type { CreateWebhookEndpoint, UpdateWebhookEndpoint } from '@likeness/contracts';
import { posted } from '@likeness/generation';
import { empty, exec, json, many, one, sql, type Db } from '@likeness/platform/db';
import { newWebhookSecret } from '@likeness/platform/webhooks';
import { z } from 'zod';

export const EndpointRow = z.object({
  id: z.custom<EndpointId>(),
  url: z.string(),
  events: z.array(EventType),
  description: z.string().nullable(),
  secret: z.string(),
  previous_secret_until: z.date().nullable(),
  status: z.enum(['enabled', 'disabled']),
  disabled_reason: DisabledReason.nullable(),
  failing_since: z.date().nullable(),
  created_at: z.date(),
  updated_at: z.date(),
});
export type EndpointRow = z.infer<typeof EndpointRow>;

/** Null when the tenant has as many as it may. */
export const insertEndpoint = (
  db: Db,
  tenantId: TenantId,
  { url, events, description }: CreateWebhookEndpoint,
): Promise<EndpointRow | null> =>
  one(
    db,
    EndpointRow,
    sql`
    INSERT INTO webhook_endpoint (id, tenant_id, url, events, description, secret)
    SELECT ${newId('endpoint')}, ${tenantId}, ${url}, ${[...events]}::text[], ${description ?? null}, ${newWebhookSecret()}
     WHERE (SELECT count(*) FROM webhook_endpoint WHERE tenant_id = ${tenantId}) < ${MOST_ENDPOINTS}::int
    RETURNING *`,
  );

/** Null for another tenant's as for none at all; so everywhere here. */
export const findEndpoint = (db: Db, tenantId: TenantId, id: EndpointId): Promise<EndpointRow | null> =>
  one(db, EndpointRow, sql`SELECT * FROM webhook_endpoint WHERE id = ${id} AND tenant_id = ${tenantId}`);

/** Newest first. */
export const listEndpoints = (db: Db, tenantId: TenantId, before: EndpointId | undefined, limit: number): Promise<EndpointRow[]> =>
  many(
    db,
    EndpointRow,
    sql`SELECT * FROM webhook_endpoint WHERE tenant_id = ${tenantId} ${before === undefined ? empty : sql`AND id < ${before}`}
         ORDER BY id DESC LIMIT ${limit}`,
  );

/** What is not given stays. An endpoint that is enabled again begins with a clean record. */
export const updateEndpoint = (
  db: Db,
  tenantId: TenantId,
  id: EndpointId,
  { url, events, description, status }: UpdateWebhookEndpoint,
): Promise<EndpointRow | null> =>
  one(
    db,
    EndpointRow,
    sql`
    UPDATE webhook_endpoint SET updated_at = now(), url = coalesce(${url ?? null}, url), events = coalesce(${events ? [...events] : null}::text[], events),
           description = CASE WHEN ${description !== undefined}::boolean THEN ${description ?? null} ELSE description END,
           status = coalesce(${status ?? null}, status),
           disabled_reason = CASE coalesce(${status ?? null}, status) WHEN 'enabled' THEN NULL ELSE coalesce(disabled_reason, 'requested') END,
           failing_since = CASE WHEN status = 'disabled' AND ${status ?? null} = 'enabled' THEN NULL ELSE failing_since END
     WHERE id = ${id} AND tenant_id = ${tenantId}
    RETURNING *`,
  );

export const deleteEndpoint = (db: Db, tenantId: TenantId, id: EndpointId): Promise<number> =>
  exec(db, sql`DELETE FROM webhook_endpoint WHERE id = ${id} AND tenant_id = ${tenantId}`);

export const rotateEndpointSecret = (db: Db, tenantId: TenantId, id: EndpointId, overlapSeconds: number): Promise<EndpointRow | null> =>
  one(
    db,
    EndpointRow,
    sql`
    UPDATE webhook_endpoint SET previous_secret = secret, previous_secret_until = now() + ${overlapSeconds}::int * interval '1 second',
           secret = ${newWebhookSecret()}, updated_at = now()
     WHERE id = ${id} AND tenant_id = ${tenantId}
    RETURNING *`,
  );

/** Sends it an `endpoint.test`, whatever it listens to. Null when it is disabled. */
export const testEndpoint = (db: Db, tenantId: TenantId, id: EndpointId): Promise<DeliveryId | null> =>
  one(
    db,
    z.object({ id: z.custom<DeliveryId>() }),
    sql`
    WITH tested AS (
      UPDATE webhook_endpoint SET sequence = sequence + 1 WHERE id = ${id} AND tenant_id = ${tenantId} AND status = 'enabled' RETURNING *
    ), delivery AS (
      INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, type, sequence, url, body)
      SELECT ${newId('delivery')}, tenant_id, id, 'endpoint.test', sequence, url,
             ${json({ type: 'endpoint.test', timestamp: new Date().toISOString() })}::jsonb || jsonb_build_object(
               'data', jsonb_build_object('id', id, 'status', status, 'disabled_reason', disabled_reason, 'sequence', sequence))
        FROM tested
      RETURNING id, tenant_id, attempt
    ), posted AS (${posted(sql`delivery`)})
    SELECT id FROM delivery`,
  ).then((delivery) => delivery?.id ?? null);

const Secret = z.object({ key: z.string() });

export const findDefaultSecret = (db: Db, tenantId: TenantId): Promise<z.infer<typeof Secret> | null> =>
  one(db, Secret, sql`SELECT webhook_secret AS key FROM tenant WHERE id = ${tenantId}`);

export const rotateDefaultSecret = (db: Db, tenantId: TenantId, overlapSeconds: number): Promise<z.infer<typeof Secret> | null> =>
  one(
    db,
    Secret,
    sql`
    UPDATE tenant SET previous_webhook_secret = webhook_secret, webhook_secret = ${newWebhookSecret()},
           previous_webhook_secret_until = now() + ${overlapSeconds}::int * interval '1 second'
     WHERE id = ${tenantId}
    RETURNING webhook_secret AS key`,
  );
