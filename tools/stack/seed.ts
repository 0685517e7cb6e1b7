/** The default tenant of a single machine: its two keys, its webhook secret, its limits. */
import { newId, SCOPES } from '@likeness/contracts';
import { exec, one, sql, type Db } from '@likeness/platform/db';
import { parseApiKey } from '@likeness/platform/keys';
import { z } from 'zod';
import type { Secrets } from './data-directory.ts';

export interface TenantLimits {
  readonly rateLimit: number;
  readonly maxActive: number;
  readonly quota: number | undefined;
}

/**
 * Creates or updates it; what was there before (jobs, uploads) stays. Returns its webhook secret: the one of `secrets.json` until it
 * is rotated through the API.
 */
export async function seedDefaultTenant(db: Db, secrets: Secrets, limits: TenantLimits): Promise<string> {
  const tenant = await one(
    db,
    z.object({ id: z.string(), webhook_secret: z.string() }),
    sql`
      INSERT INTO tenant (id, name, rate_limit_per_minute, max_active, monthly_images, webhook_secret)
      VALUES (${newId('tenant')}, 'default', ${limits.rateLimit}, ${limits.maxActive}, ${limits.quota ?? null}, ${secrets.webhook_secret})
      ON CONFLICT (name) DO UPDATE SET
        rate_limit_per_minute = excluded.rate_limit_per_minute, max_active = excluded.max_active,
        monthly_images = excluded.monthly_images
      RETURNING id, webhook_secret`,
  );
  if (!tenant) throw new Error('the default tenant could not be created');
  const scopes = SCOPES.filter((scope) => scope !== 'admin');
  await seedKey(db, tenant.id, 'default', secrets.api_key, scopes);
  await seedKey(db, tenant.id, 'admin', secrets.admin_key, [...SCOPES]);
  return tenant.webhook_secret;
}

async function seedKey(db: Db, tenantId: string, name: string, key: string, scopes: readonly string[]): Promise<void> {
  const parsed = parseApiKey(key);
  if (!parsed) throw new Error('secrets.json holds a key that is none; remove the file to make new ones');
  await exec(
    db,
    sql`
      INSERT INTO api_key (id, tenant_id, name, secret_hash, scopes)
      VALUES (${parsed.id}, ${tenantId}, ${name}, ${parsed.secretHash}, ${[...scopes]})
      ON CONFLICT (id) DO UPDATE SET scopes = excluded.scopes`,
  );
}
