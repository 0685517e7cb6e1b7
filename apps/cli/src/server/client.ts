/** The few calls of the API that the command line makes. */
import { Generation, GenerationList, isTerminal, Problem, type CreateGeneration } from '@likeness/contracts';
import type { z } from 'zod';
import { CliError } from '../failure.ts';
import type { Connection } from './connection.ts';

export type GenerationObject = z.infer<typeof Generation>;

/** Longest wait that one request may ask for, in seconds. */
const LONGEST_WAIT = 60;

export class Client {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Fails when the server does not know the key. */
  async check(): Promise<void> {
    await this.#call('GET', '/v1/generations?limit=1');
  }

  async create(body: CreateGeneration): Promise<GenerationObject> {
    return Generation.parse(await this.#call('POST', '/v1/generations', body));
  }

  async get(id: string, wait = 0): Promise<GenerationObject> {
    const query = wait > 0 ? `?wait=${wait}` : '';
    return Generation.parse(await this.#call('GET', `/v1/generations/${encodeURIComponent(id)}${query}`));
  }

  async cancel(id: string): Promise<GenerationObject> {
    return Generation.parse(await this.#call('POST', `/v1/generations/${encodeURIComponent(id)}/cancel`));
  }

  async list(query: Readonly<Record<string, string>>): Promise<z.infer<typeof GenerationList>> {
    return GenerationList.parse(await this.#call('GET', `/v1/generations?${new URLSearchParams(query)}`));
  }

  /** Follows a generation until it ends; `onChange` sees every state on the way. */
  async waitFor(id: string, timeoutSeconds: number, onChange: (generation: GenerationObject) => void): Promise<GenerationObject> {
    const deadline = Date.now() + timeoutSeconds * 1000;
    let generation = await this.get(id);
    for (onChange(generation); !isTerminal(generation.status); onChange(generation)) {
      const left = Math.ceil((deadline - Date.now()) / 1000);
      if (left <= 0) throw new CliError('stage_timeout', `${id} is still ${generation.status} after ${timeoutSeconds} s.`);
      generation = await this.get(id, Math.min(left, LONGEST_WAIT));
    }
    return generation;
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const { url, api_key } = this.#connection;
    const headers: Record<string, string> = { authorization: `Bearer ${api_key}`, accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(new URL(path, url), init).catch((cause: Error) => {
      throw new CliError('unavailable', `${url} does not answer: ${reasonOf(cause)}`, { cause });
    });
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok) return answer;
    const problem = Problem.safeParse(answer);
    if (!problem.success) throw new CliError('unavailable', `${url} answered ${response.status} without saying why.`);
    const { code, detail, errors = [] } = problem.data;
    throw new CliError(code, [detail, ...errors.map((e) => `${e.pointer}: ${e.detail}`)].join(' '));
  }
}

const reasonOf = (error: Error): string => (error.cause instanceof Error ? error.cause.message : error.message);
