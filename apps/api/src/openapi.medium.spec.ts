/**
 * The OpenAPI document held to its word: requests that follow it, and requests that do not, to every operation. Whatever comes, no
 * answer is a 500, and every answer has a status, a media type and a body that the document names.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { newId, type Problem } from '@likeness/contracts';
import type { z } from 'zod';
import { openApiDocument, paths } from './openapi.ts';
import { bodyOf, valueOf, type Schema } from './testing/arbitrary.ts';
import { picture, useApi } from './testing/api.ts';

/** The same requests every time; another seed is another set. */
const SEED = 20_261_124;
const RUNS = 25;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Schema;
}
interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
  /** By status and media type. */
  readonly answers: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: z.ZodType }>> }>>;
}

const document = openApiDocument('http://127.0.0.1');
const resolve = (ref: string) => document.components?.schemas?.[ref.split('/').at(-1) ?? ''] as Schema;

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
  Object.entries(item as Record<string, { parameters?: Parameter[]; requestBody?: { content: Record<string, { schema: Schema }> } }>)
    .filter(([method]) => METHODS.includes(method))
    .map(([method, { parameters = [], requestBody }]): Operation => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      parameters,
      body: requestBody?.content['application/json']?.schema,
      answers:
        (paths as Record<string, Record<string, Pick<Operation, never> & { responses: Operation['answers'] }>>)[path]?.[method]
          ?.responses ?? {},
    })),
);

const api = useApi();
let admin = '';
let ids: string[] = [];

beforeAll(async () => {
  const { id, key } = await api().newTenant();
  admin = (await api().newKey(id, ['admin'])).key;
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await picture())]), 'a.jpg');
  const upload = await api().call<{ id: string }>('POST', '/v1/uploads', { key, body: form });
  const generation = await api().call<{ id: string }>('POST', '/v1/generations', {
    key,
    json: { input: { prompt: 'a person', reference_images: [upload.body.id] } },
  });
  await api().call('POST', `/v1/generations/${generation.body.id}/cancel`, { key }); // ended: nobody waits for it
  const other = await api().newTenant();
  ids = [upload.body.id, generation.body.id, other.id, (await api().newKey(other.id, ['generations:read'])).id, 'parsing'];
});

const identifier = fc.oneof(
  fc.nat().map((n) => ids[n % ids.length] ?? ''),
  fc
    .constantFrom('gen', 'upl', 'ten', 'key', 'whe', 'whd', 'bat', 'sub', 'ers', 'pre')
    .map((prefix) => `${prefix}_${newId('request').slice(4)}`),
  fc.string({ minLength: 1, maxLength: 60 }),
  fc.constantFrom('0', 'a%00b', '%2e%2e', '💥', 'x'.repeat(150)),
);

interface Sent {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

function requestOf(operation: Operation): fc.Arbitrary<Sent> {
  const of = (place: Parameter['in']) => operation.parameters.filter((parameter) => parameter.in === place);
  const inPath = fc.tuple(...of('path').map(() => identifier));
  const query = fc.record(
    Object.fromEntries([
      ...of('query').map(
        ({ name, schema }) =>
          [name, fc.oneof({ weight: 3, arbitrary: valueOf(schema, resolve) }, { weight: 1, arbitrary: fc.string() })] as const,
      ),
      ['surprise', fc.constant('1')] as const,
    ]),
    { requiredKeys: [] },
  );
  const headers = fc.record(
    {
      'idempotency-key': fc.oneof(fc.stringMatching(/^[\x21-\x7e]{1,20}$/), fc.constant('é')),
      'x-request-id': fc.stringMatching(/^[\x21-\x7e]{1,20}$/),
      accept: fc.constantFrom('application/json', '*/*', 'text/csv', 'application/json;q=0', ''),
      'if-none-match': fc.constantFrom('"1"', '*', 'W/"2"'),
    },
    { requiredKeys: [] },
  );
  const type = fc.oneof(
    { weight: 12, arbitrary: fc.constant('application/json') },
    { weight: 1, arbitrary: fc.constantFrom('text/plain', 'application/xml', 'multipart/form-data', '') },
  );
  const text = operation.body
    ? fc.oneof(
        { weight: 12, arbitrary: bodyOf(operation.body, resolve).map((value) => JSON.stringify(value)) },
        { weight: 1, arbitrary: fc.constantFrom('', '{', '{"a":1', '[1,]', 'NaN') },
      )
    : fc.constant(undefined);
  return fc.tuple(inPath, query, headers, type, text).map(([parts, search, given, contentType, body]) => {
    let next = 0;
    const path = operation.path.replace(/\{\w+\}/g, () => encodeURIComponent((parts[next++] ?? '').toWellFormed()));
    const params = new URLSearchParams(Object.entries(search).map(([name, value]): [string, string] => [name, String(value)]));
    return {
      path: params.size > 0 ? `${path}?${params}` : path,
      headers: {
        ...Object.fromEntries(Object.entries(given).filter(([, value]) => /^[\x20-\x7e]*$/.test(value))),
        ...(body === undefined || contentType === '' ? {} : { 'content-type': contentType }),
      },
      body: operation.method === 'GET' ? undefined : body,
    };
  });
}

async function check(operation: Operation, { path, headers, body }: Sent): Promise<void> {
  const leaving = new AbortController();
  const response = await fetch(api().url + path, {
    method: operation.method,
    headers: { authorization: `Bearer ${admin}`, ...headers },
    signal: leaving.signal,
    ...(body === undefined ? {} : { body }),
  });
  const { status } = response;
  expect(status, 'no answer is a 500').not.toBe(500);
  const answer = operation.answers[status];
  expect(answer, `${status} is documented`).toBeDefined();
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
  if (type === 'text/event-stream') {
    leaving.abort();
    return;
  }
  const text = await response.text();
  if (!answer?.content) {
    expect(text, `${status} has no body`).toBe('');
    return;
  }
  const documented = Object.keys(answer.content).find(
    (name) => name === type || (name.endsWith('/*') && type.startsWith(name.slice(0, -1))),
  );
  expect(documented, `${type} is documented for ${status}`).toBeDefined();
  if (!type.endsWith('json') || documented === undefined) return;
  const parsed = answer.content[documented]?.schema.safeParse(JSON.parse(text));
  expect(parsed?.error?.issues ?? [], text).toEqual([]);
}

describe('what the document says', () => {
  it.each(operations.map((operation) => [operation.name, operation] as const))(
    '%s',
    async (_name, operation) => {
      await fc.assert(
        fc.asyncProperty(requestOf(operation), (sent) => check(operation, sent)),
        { seed: SEED, numRuns: RUNS, endOnFailure: true },
      );
    },
    60_000,
  );

  it('a method that a path does not know is 405 with what it knows', async () => {
    for (const path of Object.keys(document.paths ?? {})) {
      // A path with a name in it may also be one with an id.
      const known = operations
        .filter((operation) => new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path))
        .map(({ method }) => method);
      for (const method of ['PUT', 'PATCH', 'DELETE', 'POST'].filter((name) => !known.includes(name))) {
        const answer = await api().call<Problem>(method, path.replaceAll(/\{\w+\}/g, 'x'), { key: admin });
        expect([answer.status, answer.body.code, answer.headers.get('content-type')], `${method} ${path}`).toEqual([
          405,
          'method_not_allowed',
          'application/problem+json',
        ]);
        for (const name of known) expect(answer.headers.get('allow')?.split(', ')).toContain(name);
      }
    }
  });
});
