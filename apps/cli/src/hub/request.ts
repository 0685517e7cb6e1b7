/** Requests to servers of model files: who may see the token, and what is worth a second try. */
import { setTimeout as pause } from 'node:timers/promises';
import { PackError } from '@likeness/models';

export interface Network {
  readonly signal?: AbortSignal | undefined;
  /** Wait before the second try; doubled before every further one. */
  readonly backoffMs?: number | undefined;
}

/** A try that failed and may succeed when it is repeated. */
export class TransientError extends Error {}

const mostTries = 5;
const mostRedirects = 10;

/**
 * Repeats `attempt` while it fails with a TransientError; an attempt that got further (`progressed`) starts the count again.
 * @throws PackError with the last reason after five tries
 */
export async function withRetries<T>(
  what: string,
  attempt: () => Promise<T>,
  network: Network,
  progressed: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      network.signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      if (await progressed()) tries = 1;
      if (tries >= mostTries) throw new PackError(`${what}: ${error.message} (tried ${mostTries} times)`, { url: what }, { cause: error });
      await pause((network.backoffMs ?? 1000) * 2 ** (tries - 1), undefined, { signal: network.signal });
    }
  }
}

export interface RequestOptions extends Network {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the first host alone. */
  readonly token?: string | undefined;
  /** Where to stop following: the answer itself has what is wanted. */
  readonly isEnough?: (response: Response) => boolean;
}

/** Follows redirects. @throws TransientError for failures of the network, 429 and 5xx; PackError for a redirect to nowhere or to less safety */
export async function request(start: string, { method, headers = {}, token, isEnough, signal }: RequestOptions): Promise<Response> {
  const { host } = new URL(start);
  let url = new URL(start);
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const authorization = token !== undefined && url.host === host ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { 'accept-encoding': 'identity', ...headers, ...authorization },
      signal: signal ?? null,
    }).catch((cause: Error) => {
      signal?.throwIfAborted();
      throw new TransientError(reasonOf(cause), { cause });
    });
    if (response.status === 429 || response.status >= 500) {
      await response.body?.cancel();
      throw new TransientError(`the server answers ${response.status}`);
    }
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || response.status === 304 || isEnough?.(response)) return response;
    await response.body?.cancel();
    if (location === null || !URL.canParse(location, url.href)) throw new PackError(`${url.href} redirects to nowhere.`, { url: start });
    const next = new URL(location, url);
    if (next.protocol !== 'https:' && next.protocol !== url.protocol)
      throw new PackError(`${url.href} redirects to ${next.protocol}//${next.host}, which is less safe.`, { url: start });
    url = next;
  }
  throw new PackError(`${start} redirects without end.`, { url: start });
}

/** fetch says "fetch failed" and keeps the reason as its cause. */
function reasonOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || error.message : error.message;
}
