/** The API as a shop's code would call it: what the end-to-end tests and the benchmarks share. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type Generation, type GenerationInput, type Upload } from '@likeness/contracts';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export class Client {
  readonly url: string;
  readonly key: string;

  constructor(url: string, key: string) {
    this.url = url;
    this.key = key;
  }

  async call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Answer<T>> {
    const form = body instanceof FormData;
    const response = await fetch(path.startsWith('http') ? path : this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined || form ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: form ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  async upload(picture: Uint8Array, filename = 'photo.jpg'): Promise<Upload> {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(picture)]), filename);
    return expectStatus(await this.call<Upload>('POST', '/v1/uploads', form), 201);
  }

  async create(input: GenerationInput, rest: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<Generation> {
    return expectStatus(await this.call<Generation>('POST', '/v1/generations', { input, ...rest }, headers), 202);
  }

  async get(id: string): Promise<Generation> {
    return expectStatus(await this.call<Generation>('GET', `/v1/generations/${id}`), 200);
  }

  async cancel(id: string): Promise<Answer<Generation>> {
    return this.call<Generation>('POST', `/v1/generations/${id}/cancel`);
  }

  /** Polls until `done` holds; the API may be away for a while (it is killed in some tests). */
  async until(id: string, done: (generation: Generation) => boolean, timeoutMs = 60_000): Promise<Generation> {
    let last: Generation | undefined;
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(50)) {
      try {
        last = await this.get(id);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // fetch's own: no connection
        continue;
      }
      if (done(last)) return last;
    }
    throw new Error(`${id} did not get there within ${timeoutMs / 1000} s; last seen: ${JSON.stringify(last)}`);
  }

  untilTerminal(id: string, timeoutMs?: number): Promise<Generation> {
    return this.until(id, (generation) => isTerminal(generation.status), timeoutMs);
  }
}

function expectStatus<T>(answer: Answer<T>, status: number): T {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}
