/**
 * The one way out to addresses that strangers choose (webhooks, pictures by URL). The guard stands where the connection is
 * made: names are resolved once, every address is judged, and the socket goes to a judged address, so that a name which
 * answers differently a moment later changes nothing.
 */
import { isIP, type LookupFunction } from 'node:net';
import { LikenessError, type ErrorCode } from '@likeness/contracts';
import { Agent, buildConnector, request } from 'undici';
import { createPolicy, targetOf, type EgressConfig, type Target } from './policy.ts';
import { resolveWithSystem, type Resolver } from './resolve.ts';

type BlockedCode = Extract<ErrorCode, 'input_url_blocked' | 'webhook_url_blocked'>;

export interface EgressRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** For everything together: resolving, connecting, headers and body. */
  readonly timeoutMs: number;
  /** The answer's body is read this far. */
  readonly maxBytes: number;
  /** The code of the error when the URL may not be called. */
  readonly blockedCode: BlockedCode;
}

export interface EgressResponse {
  readonly status: number;
  /** Lower case names; repeated ones joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body is longer than `maxBytes`; what was read is its beginning. */
  readonly truncated: boolean;
}

/** The URL may be called, but the call did not come to an answer. The message names the URL without its query. */
export class EgressError extends Error {
  override readonly name = 'EgressError';
  readonly timedOut: boolean;

  constructor(message: string, options: { timedOut?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.timedOut = options.timedOut ?? false;
  }
}

export interface Egress {
  /**
   * Refuses early what `fetch` would refuse; a name that cannot be resolved now passes, because that may change.
   * @throws LikenessError with the given code
   */
  check(url: string, code: BlockedCode): Promise<void>;
  /**
   * One request. A redirect is an answer like any other and is not followed.
   * @throws LikenessError with `blockedCode`, EgressError when there was no complete answer
   */
  fetch(url: string, request: EgressRequest): Promise<EgressResponse>;
  close(): Promise<void>;
}

const CHECK_LOOKUP_MS = 2_000;
const CONNECT_MS = 10_000;

/** @throws Error for a network or address that is none */
export function createEgress(config: EgressConfig, options: { readonly resolve?: Resolver } = {}): Egress {
  const policy = createPolicy(config);
  const resolve = options.resolve ?? resolveWithSystem();
  const closing = new AbortController();
  const addressesOf = ({ host }: Target, limitMs: number) => {
    const limit = AbortSignal.any([closing.signal, AbortSignal.timeout(limitMs)]);
    return isIP(host) === 0 ? within(limit, resolve(host)) : Promise.resolve([host]);
  };

  /** Resolves, judges, and connects to nothing but what was judged. */
  const connect: buildConnector.connector = (options, callback) => {
    const target = { protocol: options.protocol, host: options.hostname.replace(/^\[(.*)\]$/, '$1'), port: portOf(options) };
    addressesOf(target, CONNECT_MS).then(
      (addresses) => {
        const refusal = addresses.length === 0 ? 'leads to no address' : policy.refusal(target, addresses);
        if (refusal !== null) callback(new Refused(refusal), null);
        else buildConnector({ timeout: CONNECT_MS, lookup: pinned(addresses) })(options, callback);
      },
      (error: Error) => callback(error, null),
    );
  };
  const agent = new Agent({ connect, pipelining: 0, keepAliveTimeout: 4_000 });

  return {
    check: async (url, code) => {
      const target = targetOf(url);
      if (typeof target === 'string') throw blocked(code, url, target);
      const addresses = await addressesOf(target, CHECK_LOOKUP_MS).catch(() => []);
      const refusal = policy.refusal(target, addresses);
      if (refusal !== null) throw blocked(code, url, refusal);
    },
    fetch: async (url, { method = 'GET', headers = {}, body = null, timeoutMs, maxBytes, blockedCode }) => {
      const target = targetOf(url);
      if (typeof target === 'string') throw blocked(blockedCode, url, target);
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const sent = { 'user-agent': 'Likeness', 'accept-encoding': 'identity', ...headers };
        return await within(signal, exchange(url, { method, headers: sent, body, signal, dispatcher: agent }, maxBytes));
      } catch (error) {
        if (error instanceof Refused) throw blocked(blockedCode, url, error.message);
        if (signal.aborted)
          throw new EgressError(`${shown(url)} did not answer within ${timeoutMs / 1000} s.`, { timedOut: true, cause: error });
        throw new EgressError(`${shown(url)} could not be reached: ${messageOf(error)}.`, { cause: error });
      }
    },
    close: () => {
      closing.abort(new Error('closed'));
      return agent.destroy();
    },
  };
}

class Refused extends Error {}

const blocked = (code: BlockedCode, url: string, refusal: string) => new LikenessError(code, `${shown(url)} ${refusal}.`);

const portOf = ({ port, protocol }: { port: string; protocol: string }) =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);

/** Answers the socket's question for addresses with those that were judged. */
const pinned =
  (addresses: readonly string[]): LookupFunction =>
  (_host, options, callback) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = found;
    if (options.all) callback(null, found);
    else callback(null, first?.address ?? '', first?.family);
  };

async function exchange(url: string, options: Parameters<typeof request>[1], maxBytes: number): Promise<EgressResponse> {
  const response = await request(url, options);
  const { bytes, truncated } = await readUpTo(response.body, maxBytes);
  return { status: response.statusCode, headers: flatten(response.headers), body: bytes, truncated };
}

/** The promise, or the signal's reason when that comes first: undici heeds a signal only once it is connected. */
function within<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((done, failed) => {
    const stop = () => failed(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void promise.then(done, failed).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Leaves the rest unread: the connection is closed instead. */
async function readUpTo(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<{ bytes: Uint8Array; truncated: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) break;
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), truncated: size > maxBytes };
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat().join(', ')]])),
  );
}

/** Without query and password, which may be secrets. */
function shown(url: string): string {
  const text = URL.canParse(url) ? `${new URL(url).protocol}//${new URL(url).host}${new URL(url).pathname}` : JSON.stringify(url);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** A failed attempt on several addresses has its reasons inside. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}
