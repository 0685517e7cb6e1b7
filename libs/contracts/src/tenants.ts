/** Who uses the service, with which keys and within which limits: what an administrator sees and sets. */
import { z } from 'zod';
import { SCOPES } from './events.ts';
import { IsoDuration, text } from './generation-request.ts';
import { id } from './ids.ts';

const time = z.iso.datetime();

/** The largest number that Postgres' `integer` keeps. */
const INTEGER_MAX = 2 ** 31 - 1;

const name = text(1, 100);
const settings = {
  rate_limit_per_minute: z.int().min(1).max(1_000_000).optional().describe('requests; default 600'),
  max_active: z.int().min(0).max(1_000_000).optional().describe('generations under way at once; default 1000'),
  monthly_images: z.int().min(0).max(INTEGER_MAX).nullable().optional().describe('pictures per month (UTC); null: no quota'),
  retention: IsoDuration.optional().describe('of generations that name none; default P30D'),
};

/** Body of `POST /admin/tenants`. */
export const CreateTenant = z.strictObject({ name, ...settings }).meta({ id: 'CreateTenant' });
export type CreateTenant = z.infer<typeof CreateTenant>;

/** Body of `PATCH /admin/tenants/{id}`: what is not named stays. */
export const UpdateTenant = z.strictObject({ name: name.optional(), ...settings }).meta({ id: 'UpdateTenant' });
export type UpdateTenant = z.infer<typeof UpdateTenant>;

export const Tenant = z
  .object({
    id: id('tenant'),
    object: z.literal('tenant'),
    name: z.string(),
    status: z.enum(['active', 'deleting']).describe('`deleting`: nothing new is taken, and what there is is being removed'),
    rate_limit_per_minute: z.int(),
    max_active: z.int(),
    monthly_images: z.int().nullable(),
    retention: IsoDuration,
    created_at: time,
  })
  .meta({ id: 'Tenant' });
export type Tenant = z.infer<typeof Tenant>;

/** Body of `POST /admin/tenants/{id}/keys`. */
export const CreateKey = z
  .strictObject({
    name,
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .max(SCOPES.length)
      .refine((scopes) => new Set(scopes).size === scopes.length, 'must name each scope at most once'),
    expires_at: z.iso
      .datetime({ offset: true })
      .refine((text) => new Date(text).getTime() > Date.now(), 'must be in the future')
      .optional(),
  })
  .meta({ id: 'CreateKey' });
export type CreateKey = z.infer<typeof CreateKey>;

/** Body of `POST /admin/keys/{id}/rotate`. */
export const RotateKey = z
  .strictObject({
    overlap_seconds: z.int().min(0).max(2_592_000).default(86_400).describe('how long the old secret goes on working'),
  })
  .meta({ id: 'RotateKey' });
export type RotateKey = z.infer<typeof RotateKey>;

export const ApiKey = z
  .object({
    id: id('key'),
    object: z.literal('api_key'),
    tenant_id: id('tenant'),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    created_at: time,
    expires_at: time.nullable(),
    previous_secret_until: time.nullable().describe('while the secret before the last rotation works, too'),
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.infer<typeof ApiKey>;

/** The only time that the secret is shown. */
export const NewApiKey = ApiKey.extend({ key: z.string().describe('`lk_…`: the Bearer token; kept nowhere, so keep it') }).meta({
  id: 'NewApiKey',
});
export type NewApiKey = z.infer<typeof NewApiKey>;

export const TenantList = z.object({ data: z.array(Tenant), next_cursor: z.string().nullable() }).meta({ id: 'TenantList' });
export type TenantList = z.infer<typeof TenantList>;
export const ApiKeyList = z.object({ data: z.array(ApiKey), next_cursor: z.string().nullable() }).meta({ id: 'ApiKeyList' });
export type ApiKeyList = z.infer<typeof ApiKeyList>;

/** Query of the lists of the administration. */
export const ListPage = z.strictObject({
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});
