/**
 * Every operation of the OpenAPI document against two tenants: with B's key, A's ids do not exist and A's lists are empty. A route that
 * is not in the table fails the test: whoever adds one says here how another tenant meets it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { newId } from '@likeness/contracts';
import { exec, json, sql } from '@likeness/platform/db';
import { openApiDocument } from './openapi.ts';
import { picture, useApi, type Answer, type CallOptions, type Tenant } from './testing/api.ts';

/** What A has, by the names that the table uses. */
interface Belongings {
  readonly generation: string;
  readonly upload: string;
  readonly artifact: string;
  readonly endpoint: string;
  readonly delivery: string;
  readonly batch: string;
  readonly preset: string;
  readonly subject: string;
  readonly erasure: string;
}

interface Case {
  /** The path with an id of A's in it; absent: the route has none. */
  readonly of?: keyof Belongings;
  /** A body that would be accepted. */
  readonly json?: unknown;
  readonly query?: string;
}

/** No tenant's data is behind these: pages, probes, the administrator's routes (403 for everyone else), and links that carry their own permission. */
const OPEN = /^(GET \/(healthz|readyz|metrics|openapi\.json|docs|docs\/errors|v1\/queue)|\w+ \/admin\/.*|GET \/v1\/models(\/.*)?)$/;
const SIGNED = new Set([
  'PUT /v1/uploads/{id}/content',
  'GET /v1/artifacts/{id}',
  'GET /v1/generations/{id}/previews/{step}',
  'GET /v1/files/{id}/download',
  'GET /v1/files/streams/{id}',
]);

/** Routes with an id: 404 for B, and A's belonging is as it was. */
const FOREIGN: Record<string, Case> = {
  'GET /v1/generations/{id}': { of: 'generation' },
  'POST /v1/generations/{id}/cancel': { of: 'generation' },
  'POST /v1/generations/{id}/retry': { of: 'generation' },
  'GET /v1/generations/{id}/events': { of: 'generation' },
  'GET /v1/batches/{id}': { of: 'batch' },
  'POST /v1/batches/{id}/cancel': { of: 'batch' },
  'GET /v1/batches/{id}/items': { of: 'batch' },
  'GET /v1/presets/{preset}': { of: 'preset' },
  'DELETE /v1/generations/{id}': { of: 'generation' },
  'GET /v1/subjects/{id}': { of: 'subject' },
  'DELETE /v1/subjects/{id}': { of: 'subject' },
  'GET /v1/erasures/{id}': { of: 'erasure' },
  'GET /v1/predictions/{id}': { of: 'generation' },
  'POST /v1/predictions/{id}/cancel': { of: 'generation' },
  'GET /v1/files/{id}': { of: 'upload' },
  'DELETE /v1/files/{id}': { of: 'upload' },
  'GET /v1/webhook-endpoints/{id}': { of: 'endpoint' },
  'PATCH /v1/webhook-endpoints/{id}': { of: 'endpoint', json: { description: 'mine now' } },
  'DELETE /v1/webhook-endpoints/{id}': { of: 'endpoint' },
  'POST /v1/webhook-endpoints/{id}/rotate-secret': { of: 'endpoint', json: {} },
  'POST /v1/webhook-endpoints/{id}/test': { of: 'endpoint' },
  'GET /v1/webhook-endpoints/{id}/deliveries': { of: 'endpoint' },
  'POST /v1/webhook-endpoints/{id}/recover': { of: 'endpoint', json: { since: '2020-01-01T00:00:00Z' } },
  'POST /v1/webhook-deliveries/{id}/replay': { of: 'delivery' },
};

/** Lists: something for A, nothing for B. */
const LISTS = new Set([
  'GET /v1/subjects',
  'GET /v1/generations',
  'GET /v1/batches',
  'GET /v1/presets',
  'GET /v1/predictions',
  'GET /v1/files',
  'GET /v1/webhook-endpoints',
]);

/** Routes that speak of the asking tenant alone; what B gets must not name anything of A's. */
const OWN: Record<string, Case> = {
  'GET /v1/usage': {},
  'GET /v1/limits': {},
  'GET /v1/account': {},
  'GET /v1/webhooks/default/secret': {},
  'POST /v1/webhooks/default/secret/rotate': { json: {} },
};

/** Routes that make something: B may not build on what is A's. */
const CREATE: Record<string, (a: Belongings) => unknown> = {
  'POST /v1/generations': ({ upload }) => ({ input: { prompt: 'a person', reference_images: [upload] } }),
  'POST /v1/generations/estimate': ({ upload }) => ({ input: { prompt: 'a person', reference_images: [upload] } }),
  'POST /v1/batches': ({ upload }) => ({ items: [{ custom_id: 'one', input: { prompt: 'a person', reference_images: [upload] } }] }),
  'POST /v1/subjects': ({ upload }) => ({
    reference_images: [upload],
    consent: { basis: 'consent', obtained_at: '2026-01-01T00:00:00Z', policy_version: '1' },
  }),
  'POST /v1/predictions': ({ upload }) => ({ version: 'sketch', input: { prompt: 'a person', image: upload } }),
  'POST /v1/models/{owner}/{name}/predictions': ({ upload }) => ({ input: { prompt: 'a person', image: upload } }),
  'POST /v1/deployments/{owner}/{name}/predictions': ({ upload }) => ({ input: { prompt: 'a person', image: upload } }),
};
/** Makes something of the body alone. */
const MADE_OF_ITS_BODY = new Set(['POST /v1/presets', 'POST /v1/uploads', 'POST /v1/files', 'POST /v1/webhook-endpoints']);

const api = useApi();
let a: Tenant;
let b: Tenant;
let belongings: Belongings;

const operations = Object.entries(openApiDocument('http://127.0.0.1').paths ?? {}).flatMap(([path, item]) =>
  Object.keys(item as object)
    .filter((method) => !method.startsWith('x-'))
    .map((method) => `${method.toUpperCase()} ${path}`),
);

beforeAll(async () => {
  [a, b] = [await api().newTenant(), await api().newTenant()];
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await picture())]), 'a.jpg');
  const upload = await call<{ id: string }>(a, 'POST', '/v1/uploads', { body: form });
  const generation = await call<{ id: string }>(a, 'POST', '/v1/generations', {
    json: { input: { prompt: 'a person', reference_images: [upload.body.id] } },
  });
  const [artifact, delivery, endpoint] = [newId('artifact'), newId('delivery'), newId('endpoint')];
  await exec(
    api().db,
    sql`INSERT INTO webhook_endpoint (id, tenant_id, url, events, secret) VALUES (${endpoint}, ${a.id}, 'https://example.com/hook', '{generation.completed}', 'whsec_dGVzdA==')`,
  );
  await exec(
    api().db,
    sql`INSERT INTO artifact (id, generation_id, tenant_id, stage, name, object_key, content_type, size, sha256)
        VALUES (${artifact}, ${generation.body.id}, ${a.id}, 'sample', 'images', 't/x', 'image/png', 1, 'x')`,
  );
  await exec(
    api().db,
    sql`INSERT INTO webhook_delivery (id, tenant_id, generation_id, endpoint_id, type, sequence, url, body, status, completed_at)
        VALUES (${delivery}, ${a.id}, ${generation.body.id}, ${endpoint}, 'generation.completed', 2, 'https://example.com/hook', ${json({ type: 'x' })}::jsonb, 'exhausted', now())`,
  );
  const batch = await call<{ id: string }>(a, 'POST', '/v1/batches', {
    json: { items: [{ custom_id: 'one', input: { prompt: 'a person', reference_images: [upload.body.id] } }] },
  });
  const preset = await call<{ id: string }>(a, 'POST', '/v1/presets', { json: { name: 'of-a', input: { steps: 3 } } });
  const [subject, erasure] = [newId('subject'), newId('erasure')];
  const consent = { basis: 'consent', obtained_at: '2026-01-01T00:00:00Z', policy_version: '1' };
  await exec(api().db, sql`INSERT INTO subject (id, tenant_id, consent) VALUES (${subject}, ${a.id}, ${json(consent)}::jsonb)`);
  await exec(api().db, sql`INSERT INTO erasure (id, tenant_id, subject_id) VALUES (${erasure}, ${a.id}, ${newId('subject')})`);
  belongings = {
    subject,
    erasure,
    preset: preset.body.id,
    batch: batch.body.id,
    generation: generation.body.id,
    upload: upload.body.id,
    artifact,
    endpoint,
    delivery,
  };
});

function call<T>(who: Tenant, method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
  return api().call<T>(method, path, { ...options, key: who.key });
}

/** The method and the path with A's id in it. */
function requestOf(operation: string, { of, query = '' }: Case = {}): [string, string] {
  const [method = '', path = ''] = operation.split(' ');
  const id = of === undefined ? '' : belongings[of];
  return [
    method,
    path
      .replace(/\{(id|preset)\}/, id)
      .replace('{owner}', 'likeness')
      .replace('{name}', 'sketch') + query,
  ];
}

const namesNothingOf = (answer: Answer<unknown>) => {
  const text = JSON.stringify(answer.body);
  for (const id of [...(Object.values(belongings) as string[]), a.id]) expect(text).not.toContain(id.slice(4));
};

describe('another tenant', () => {
  it('is in the table with every operation of the document', () => {
    const known = (name: string) =>
      OPEN.test(name) ||
      SIGNED.has(name) ||
      LISTS.has(name) ||
      MADE_OF_ITS_BODY.has(name) ||
      [FOREIGN, OWN, CREATE].some((table) => name in table);
    expect(operations.filter((name) => !known(name))).toEqual([]);
    const tables = [...SIGNED, ...LISTS, ...MADE_OF_ITS_BODY, ...[FOREIGN, OWN, CREATE].flatMap((table) => Object.keys(table))];
    expect(tables.filter((name) => !operations.includes(name))).toEqual([]);
    const ids = operations.filter((name) => name.startsWith('GET') && name.includes('/v1/') && name.includes('{id}') && !SIGNED.has(name));
    expect(ids.filter((name) => !(name in FOREIGN))).toEqual([]);
  });

  it.each(Object.keys(FOREIGN))('%s: does not exist', async (operation) => {
    const { json: body, ...rest } = FOREIGN[operation] ?? {};
    const [method, path] = requestOf(operation, rest);
    const options = body === undefined ? {} : { json: body };
    const answer = await call<{ code: string; detail: string }>(b, method, path, options);
    expect(answer.status).toBe(404);
    // The id of the request is all that it may name, and an id that never was reads the same.
    const never = newId('request').slice(4);
    const none = await call<{ detail: string }>(b, method, path.replace(/_[0-9a-z]{26}/, `_${never}`), options);
    expect(none.status).toBe(404);
    expect(answer.body.detail.replaceAll(/_[0-9a-z]{26}/g, '')).toBe(none.body.detail.replaceAll(/_[0-9a-z]{26}/g, ''));
  });

  it.each([...LISTS])('%s: nothing of the other’s', async (operation) => {
    // Presets that ship with the service are everybody's; a name picks those of a tenant.
    const [method, path] = requestOf(operation, operation.endsWith('presets') ? { query: '?name=of-a' } : {});
    const entries = ({ body }: Answer<Record<string, unknown[]>>) => body['data'] ?? body['results'];
    expect(entries(await call(a, method, path))?.length).toBeGreaterThan(0);
    expect(entries(await call(b, method, path))).toEqual([]);
  });

  it.each(Object.keys(OWN))('%s: speaks of the one who asks', async (operation) => {
    const { json: body } = OWN[operation] ?? {};
    const answer = await call(b, ...requestOf(operation), body === undefined ? {} : { json: body });
    expect(answer.status).toBe(200);
    namesNothingOf(answer);
  });

  it.each(Object.keys(CREATE))('%s: does not build on the other’s', async (operation) => {
    const body = CREATE[operation]?.(belongings);
    const answer = await call<{ counts?: { accepted: number; rejected: number } }>(b, ...requestOf(operation), { json: body });
    if (answer.status === 202) expect(answer.body.counts).toMatchObject({ accepted: 0, rejected: 1 });
    else expect([404, 422]).toContain(answer.status);
  });

  it.each(['POST /v1/generations', 'POST /v1/generations/estimate'])('%s: does not know the other’s person', async (operation) => {
    const body = { input: { prompt: 'a person', subject: belongings.subject } };
    const answer = await call<{ code: string }>(b, ...requestOf(operation), { json: body });
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
  });

  it.each([...SIGNED])('%s: a key opens nothing where the link is the permission', async (operation) => {
    const of =
      operation.includes('uploads') || operation.includes('files') ? 'upload' : operation.includes('artifacts') ? 'artifact' : 'generation';
    const [method, path] = requestOf(operation, { of });
    for (const who of [a, b]) expect((await call(who, method, path.replace('{step}', '1'))).status).toBe(404);
  });

  it('has left everything as it was', async () => {
    for (const path of [
      `/v1/generations/${belongings.generation}`,
      `/v1/files/${belongings.upload}`,
      `/v1/webhook-endpoints/${belongings.endpoint}`,
    ]) {
      expect((await call(a, 'GET', path)).status).toBe(200);
    }
    const generation = await call<{ status: string; cancel_requested_at: null }>(a, 'GET', `/v1/generations/${belongings.generation}`);
    expect(generation.body).toMatchObject({ status: 'queued', cancel_requested_at: null });
    const endpoint = await call<{ description: string | null }>(a, 'GET', `/v1/webhook-endpoints/${belongings.endpoint}`);
    expect(endpoint.body.description ?? null).toBeNull();
  });
});
