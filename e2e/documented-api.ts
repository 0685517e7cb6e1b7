/** A client that holds every answer against the document which the service gives of itself, and keeps account of what it has asked for. */
import { expect } from 'vitest';
import { z } from 'zod';

const Content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()).optional() }));
const Document = z.object({
  openapi: z.string(),
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ responses: z.record(z.string(), z.object({ content: Content.optional() })) })),
  ),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

/** Where schemas lie for a reader that knows JSON Schema, and not OpenAPI. */
const readDocument = (text: string) => Document.parse(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')));

export interface Ask {
  /** Sent as JSON; a text, a form and bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** null: none, as whoever follows a signed link. */
  readonly key?: string | null;
}

export interface Answer<T> {
  readonly headers: Headers;
  readonly body: T;
}

interface Operation {
  readonly name: string;
  readonly pattern: RegExp;
  readonly responses: Readonly<Record<string, { content?: z.infer<typeof Content> | undefined }>>;
}

export class DocumentedApi {
  readonly url: string;
  readonly #key: string;
  readonly #operations: readonly Operation[];
  readonly #definitions: Readonly<Record<string, unknown>>;
  readonly #performed = new Set<string>();

  static async open(url: string, key: string): Promise<DocumentedApi> {
    return new DocumentedApi(url, key, readDocument(await (await fetch(`${url}/openapi.json`)).text()));
  }

  private constructor(url: string, key: string, { paths, components }: z.infer<typeof Document>) {
    this.url = url;
    this.#key = key;
    this.#definitions = components.schemas;
    // `/v1/generations/estimate` is no generation: what is spelled out goes first.
    const byLiteralness = Object.keys(paths).sort((a, b) => a.split('{').length - b.split('{').length);
    this.#operations = byLiteralness.flatMap((path) =>
      Object.entries(paths[path] ?? {}).map(([key, { responses }]) => {
        const method = key.replace(/^x-/, '').toUpperCase(); // QUERY is an extension there
        const pattern = new RegExp(`^${method} ${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
        return { name: `${method} ${path}`, pattern, responses };
      }),
    );
  }

  /** Each operation of the document, as `GET /v1/limits`. */
  get operations(): string[] {
    return this.#operations.map(({ name }) => name).sort();
  }

  /** Those that were asked for, with the success that the document promises. */
  get performed(): string[] {
    return [...this.#performed].sort();
  }

  /** `target`: a path, or a link that the service has made. */
  async call<T>(status: number, method: string, target: string, { body, headers = {}, key = this.#key }: Ask = {}): Promise<Answer<T>> {
    const url = new URL(target, this.url);
    const operation = this.#operations.find(({ pattern }) => pattern.test(`${method} ${url.pathname}`));
    if (!operation) throw new Error(`${method} ${url.pathname} is in no path of the document`);
    const raw = body === undefined || typeof body === 'string' || body instanceof FormData || body instanceof Uint8Array;
    const response = await fetch(url, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(raw ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string | FormData | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(response.status, `${operation.name}: ${bytes.subarray(0, 2_000).toString()}`).toBe(status);
    this.#performed.add(operation.name);
    return { headers: response.headers, body: this.#read(operation, response, bytes) as T };
  }

  /** The body as its type says: an object as the document has it, a text, or bytes. */
  #read({ name, responses }: Operation, { status, headers }: Response, bytes: Buffer): unknown {
    const promised = responses[status];
    expect(promised, `${name} answers ${status}, which is not documented`).toBeDefined();
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    const found = Object.entries(promised?.content ?? {}).find(([range]) => range === type || range === type.replace(/\/.*/, '/*'));
    if (bytes.length > 0) expect(found, `${name} answers with "${type}", which is not documented`).toBeDefined();
    if (found === undefined) return undefined;
    if (type !== 'application/json') return type.startsWith('text/') ? bytes.toString('utf8') : bytes;
    const body: unknown = JSON.parse(bytes.toString('utf8'));
    const schema = { ...found[1].schema, $defs: this.#definitions } as Parameters<typeof z.fromJSONSchema>[0];
    const { error } = z.fromJSONSchema(schema).safeParse(body);
    expect(error?.issues ?? [], `${name}: ${JSON.stringify(body).slice(0, 2_000)}`).toEqual([]);
    return body;
  }
}
