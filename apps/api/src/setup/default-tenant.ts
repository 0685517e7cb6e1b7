/** The tenant that an installation begins with: its keys, its webhook secret, its limits. */
import { newId, SCOPES, type Scope } from '@likeness/contracts';
import { exec, one, sql, type Db } from '@likeness/platform/db';
import { parseApiKey } from '@likeness/platform/keys';
import { newWebhookSecret } from '@likeness/platform/webhooks';
import { z } from 'zod';

/** What is absent is left as it is. */
export interface DefaultTenant {
  /** Everything but administration. */
  readonly apiKey?: string | undefined;
  readonly adminKey?: string | undefined;
  /** Reads figures and nothing else: for the autoscaler and for Prometheus. */
  readonly metricsKey?: string | undefined;
  /** `whsec_…`; only for a tenant that is not there yet, later ones are rotated through the API. */
  readonly webhookSecret?: string | undefined;
  readonly limits?: TenantLimits;
}

export interface TenantLimits {
  readonly rateLimit: number;
  readonly maxActive: number;
  readonly quota: number | undefined;
}

const Row = z.object({ id: z.string(), webhook_secret: z.string() });

/** Makes it, or adds to the one that is there: its jobs and its other keys stay. Returns its webhook secret. @throws Error for a key that is none */
export async function seedDefaultTenant(db: Db, { apiKey, adminKey, metricsKey, webhookSecret, limits }: DefaultTenant): Promise<string> {
  const secret = webhookSecret ?? newWebhookSecret();
  await exec(
    db,
    sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${newId('tenant')}, 'default', ${secret}) ON CONFLICT (name) DO NOTHING`,
  );
  if (limits)
    await exec(
      db,
      sql`UPDATE tenant SET rate_limit_per_minute = ${limits.rateLimit}, max_active = ${limits.maxActive}, monthly_images = ${limits.quota ?? null}
           WHERE name = 'default'`,
    );
  const tenant = (await one(db, Row, sql`SELECT id, webhook_secret FROM tenant WHERE name = 'default'`))!;
  const keys: [name: string, key: string | undefined, scopes: readonly Scope[]][] = [
    ['default', apiKey, SCOPES.filter((scope) => scope !== 'admin')],
    ['admin', adminKey, SCOPES],
    ['metrics', metricsKey, []],
  ];
  for (const [name, key, scopes] of keys) if (key !== undefined) await seedKey(db, tenant.id, name, key, scopes);
  return tenant.webhook_secret;
}

async function seedKey(db: Db, tenantId: string, name: string, key: string, scopes: readonly Scope[]): Promise<void> {
  const parsed = parseApiKey(key);
  if (!parsed) throw new Error(`the ${name} key is none: "lk_", 26 characters, "_" and 43, as \`npm run likeness -- init\` makes them`);
  await exec(
    db,
    sql`
      INSERT INTO api_key (id, tenant_id, name, secret_hash, scopes)
      VALUES (${parsed.id}, ${tenantId}, ${name}, ${parsed.secretHash}, ${[...scopes]})
      ON CONFLICT (id) DO UPDATE SET scopes = excluded.scopes`,
  );
}
