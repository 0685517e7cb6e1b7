/** A whole API on a port of its own, against a fresh database and a directory store: what the medium tests talk to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId, SCOPES, type Scope, type TenantId } from '@likeness/contracts';
import { exec, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { newApiKey } from '@likeness/platform/keys';
import { freePort } from '@likeness/platform/config';
import { openSealedStore, type SealedStore, type WrappedKey } from '@likeness/platform/storage';
import { createLogger } from '@likeness/platform/telemetry';
import { newWebhookSecret } from '@likeness/platform/webhooks';
import sharp from 'sharp';
import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { readApiConfig } from '../api.config.ts';
import { createApi } from '../create-api.ts';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface Tenant {
  readonly id: TenantId;
  /** A key with every scope but admin. */
  readonly key: string;
}

export interface TestApi {
  readonly url: string;
  readonly db: Db;
  readonly store: SealedStore;
  readonly tenant: Tenant;
  /** The key that the objects of an upload, a generation or a subject are encrypted under. */
  dataKey(owner: string): Promise<WrappedKey | null>;
  /** The API's own orderly end. */
  close(): Promise<void>;
  /** That, and everything it stood on. */
  stop(): Promise<void>;
  call<T>(method: string, path: string, options?: CallOptions): Promise<Answer<T>>;
  newTenant(limits?: { maxActive?: number; ratePerMinute?: number }): Promise<Tenant>;
  newKey(tenant: TenantId, scopes: readonly Scope[], expiresAt?: Date): Promise<{ id: string; key: string }>;
}

export interface CallOptions {
  /** The default tenant's unless given; null for none. */
  readonly key?: string | null;
  readonly json?: unknown;
  readonly body?: NonNullable<Parameters<typeof fetch>[1]>['body'];
  readonly headers?: Readonly<Record<string, string>>;
}

const CLIENT_SCOPES = SCOPES.filter((scope) => scope !== 'admin');

/** Starts it before the file's tests and ends it after them. */
export function useApi(env: Readonly<Record<string, string>> = {}): () => TestApi {
  let api: TestApi | undefined;
  beforeAll(async () => {
    api = await startApi(env);
  });
  afterAll(() => api?.stop());
  return () => {
    if (!api) throw new Error('the API is there inside tests only');
    return api;
  };
}

export async function startApi(env: Readonly<Record<string, string>> = {}): Promise<TestApi> {
  const database = await testDatabase();
  const dir = await mkdtemp(join(tmpdir(), 'likeness-api-'));
  const storeUrl = `file://${dir}`;
  const port = await freePort();
  const variables = {
    DATABASE_URL: database.url,
    OBJECT_STORE_URL: storeUrl,
    SIGNING_SECRET: 'a secret for tests of 32 characters or more',
    DATA_KEY_SECRET: 'another secret for tests, as long as that',
  };
  const app = await createApi(readApiConfig({ ...variables, PORT: String(port), ...env }), createLogger('api', 'silent'));
  await app.listen(port, '127.0.0.1');
  const db = openDb(database.url, { max: 2 });
  const parts = { url: `http://127.0.0.1:${port}`, db, store: openSealedStore(variables), close: () => app.close() };
  const stop = async () => {
    await app.close();
    await db.close();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  };
  const dataKey = async (owner: string) =>
    (await one(db, z.object({ wrapped: z.instanceof(Uint8Array) }), sql`SELECT wrapped FROM data_key WHERE id = ${owner}`))?.wrapped ??
    null;
  return { ...parts, dataKey, stop, ...(await actions(parts)) };
}

async function actions({ url, db }: Pick<TestApi, 'url' | 'db'>): Promise<Pick<TestApi, 'tenant' | 'newKey' | 'newTenant' | 'call'>> {
  const newKey: TestApi['newKey'] = async (tenant, scopes, expiresAt) => {
    const { id, key, secretHash } = newApiKey();
    await exec(
      db,
      sql`INSERT INTO api_key (id, tenant_id, name, secret_hash, scopes, expires_at) VALUES (${id}, ${tenant}, 'test', ${secretHash}, ${[...scopes]}, ${expiresAt ?? null})`,
    );
    return { id, key };
  };
  const newTenant: TestApi['newTenant'] = async ({ maxActive = 1000, ratePerMinute = 1_000_000 } = {}) => {
    const id = newId('tenant');
    await exec(
      db,
      sql`INSERT INTO tenant (id, name, rate_limit_per_minute, max_active, webhook_secret) VALUES (${id}, ${id}, ${ratePerMinute}, ${maxActive}, ${newWebhookSecret()})`,
    );
    return { id, key: (await newKey(id, CLIENT_SCOPES)).key };
  };
  const tenant = await newTenant();
  return {
    tenant,
    newKey,
    newTenant,
    call: async <T>(method: string, path: string, { key = tenant.key, json, body, headers = {} }: CallOptions = {}) => {
      const response = await fetch(path.startsWith('http') ? path : url + path, {
        method,
        headers: {
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
      });
      const type = response.headers.get('content-type') ?? '';
      const parsed: unknown = /json/.test(type) ? await response.json() : await response.text();
      return { status: response.status, headers: response.headers, body: parsed as T };
    },
  };
}

/** A small picture that the API takes. */
export const picture = (width = 80, height = 64): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#a0522d' } })
    .jpeg()
    .toBuffer();
