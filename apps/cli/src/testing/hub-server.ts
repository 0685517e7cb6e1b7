/**
 * A hub of models on the loopback: the answers of Hugging Face's `resolve` addresses and, on a second host, of the store that its large
 * files are redirected to. Both note what they were asked, and fail as they are told.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly host: 'hub' | 'store';
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface Behaviour {
  /** Without this token, 401; with another one, 403. */
  token?: string;
  /** Ignore Range and send everything. */
  noRanges?: boolean;
  /** The store's answers to its next requests, one each; then it works. */
  failures: Failure[];
  /** Sent instead of the file of that path. */
  readonly replaced: Map<string, Buffer>;
}

/** `cut`: the connection breaks after so many bytes. `short`: an honest end, too early. A number: that status. `stall`: nothing more comes after so many bytes. */
export type Failure = number | { readonly cut: number } | { readonly short: number } | { readonly stall: number };

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const gitHash = (bytes: Buffer) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** Files beyond this are "large": they have a SHA-256 and lie in the store. */
const large = 1000;

export class HubServer {
  readonly seen: Seen[] = [];
  readonly commit = randomBytes(20).toString('hex');
  readonly behaviour: Behaviour = { failures: [], replaced: new Map() };
  /** Path on disk by `<owner>/<name>/<path>`; paths that do not belong to a repository are served by the store as they are. */
  readonly files = new Map<string, string>();
  readonly #hub: Server;
  readonly #store: Server;

  constructor() {
    this.#hub = createServer((request, response) => void this.#answerHub(request, response));
    this.#store = createServer((request, response) => void this.#answerStore(request, response));
  }

  async start(): Promise<void> {
    for (const server of [this.#hub, this.#store]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#store]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  get storeUrl(): string {
    return `http://localhost:${(this.#store.address() as AddressInfo).port}`;
  }

  #note(host: Seen['host'], { method = '', url = '', headers }: IncomingMessage): void {
    this.seen.push({ host, method, path: url, authorization: headers.authorization, range: headers.range });
  }

  async #answerHub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#note('hub', request);
    const { token } = this.behaviour;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
      return void response.writeHead(request.headers.authorization ? 403 : 401, { 'x-error-code': 'GatedRepo' }).end();
    const [, repo = '', revision = '', path = ''] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.*)$/.exec(request.url ?? '') ?? [];
    const file = this.files.get(`${repo}/${path}`);
    const isKnown = [...this.files.keys()].some((name) => name.startsWith(`${repo}/`));
    if (file === undefined || (revision !== 'main' && revision !== this.commit))
      return void response.writeHead(404, { 'x-error-code': isKnown ? 'EntryNotFound' : 'RepoNotFound' }).end();
    const bytes = await readFile(file);
    const common = { 'x-repo-commit': this.commit };
    if (bytes.length > large) {
      const linked = { 'x-linked-etag': `"${sha256(bytes)}"`, 'x-linked-size': String(bytes.length) };
      return void response.writeHead(302, { ...common, ...linked, location: `${this.storeUrl}/${repo}/${path}?signed=yes` }).end();
    }
    response
      .writeHead(200, { ...common, etag: `"${gitHash(bytes)}"`, 'content-length': bytes.length })
      .end(request.method === 'HEAD' ? undefined : bytes);
  }

  async #answerStore(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#note('store', request);
    const name = (request.url ?? '').slice(1).replace(/\?.*$/, '');
    const file = this.files.get(name);
    if (file === undefined) return void response.writeHead(404).end();
    const failure = this.behaviour.failures.shift();
    if (typeof failure === 'number') return void response.writeHead(failure).end();
    const bytes = this.behaviour.replaced.get(name) ?? (await readFile(file));
    const from = this.behaviour.noRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (from >= bytes.length) return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    const rest = bytes.subarray(from);
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    if (failure && 'short' in failure) return void response.writeHead(from > 0 ? 206 : 200, range).end(rest.subarray(0, failure.short));
    response.writeHead(from > 0 ? 206 : 200, { ...range, 'content-length': rest.length });
    if (!failure) return void response.end(rest);
    const sent = 'cut' in failure ? failure.cut : failure.stall;
    response.write(rest.subarray(0, sent), () => 'cut' in failure && setTimeout(() => response.destroy(), 20));
  }
}
