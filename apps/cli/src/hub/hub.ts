/** Hugging Face's hub: which file lies behind a path, by the headers of `GET /<repo>/resolve/<revision>/<path>`. */
import { PackError } from '@likeness/models';
import { refusal } from './download.ts';
import type { HubCache } from './hub-cache.ts';
import { request, withRetries, type Network } from './request.ts';

export interface HubOptions extends Network {
  /** `HF_ENDPOINT`; a mirror may have a path. */
  readonly endpoint: string;
  readonly token?: string | undefined;
  readonly cache: HubCache;
  /** Ask no server: only what is in the cache. */
  readonly offline?: boolean | undefined;
}

/** A file of a commit. */
export interface FoundFile {
  readonly repo: string;
  readonly commit: string;
  readonly path: string;
  readonly bytes: number;
  /** Where its bytes are, and their hash: SHA-256 of large files, git's SHA-1 of small ones. Absent for a file of the cache that no server was asked about. */
  readonly source?: { readonly url: string; readonly hash: string };
}

/** Undefined when the repository has no file of that path. @throws PackError when it is closed to us, or what answers is no hub */
export async function findFile(hub: HubOptions, repo: string, revision: string, path: string): Promise<FoundFile | undefined> {
  if (hub.offline) return cachedFile(hub, repo, revision, path);
  const url = `${hub.endpoint.replace(/\/+$/, '')}/${repo}/resolve/${revision}/${path}`;
  const head = () =>
    request(url, { method: 'HEAD', token: hub.token, signal: hub.signal, isEnough: ({ headers }) => headers.has('x-linked-etag') });
  const response = await withRetries(url, head, hub).catch(async (error: unknown) => {
    const cached = error instanceof PackError ? await cachedFile(hub, repo, revision, path) : undefined;
    if (cached) return cached; // the server cannot be reached, but was before
    throw error;
  });
  if (!(response instanceof Response)) return response;
  if (response.status === 404) {
    const code = response.headers.get('x-error-code');
    if (code === 'RepoNotFound' || code === 'RevisionNotFound')
      throw new PackError(`${hub.endpoint} has no ${repo} at ${revision}.`, { repo, revision });
    return undefined;
  }
  if (response.status === 401 || response.status === 403) {
    const why = refusal(response.status, url, hub.token).message;
    throw new PackError(`${why} If the model is gated, its terms are accepted at ${hub.endpoint}/${repo}.`, {
      repo,
      status: response.status,
    });
  }
  if (!response.ok && response.status >= 400) throw refusal(response.status, url, hub.token);

  const { headers } = response;
  const commit = headers.get('x-repo-commit') ?? '';
  const hash = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '');
  const bytes = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? NaN);
  if (!/^[0-9a-f]{7,64}$/.test(commit) || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) || !Number.isSafeInteger(bytes)) {
    throw new PackError(`${url} is no file of a hub: it says commit "${commit}", hash "${hash}" and ${bytes} bytes.`, { repo, path });
  }
  await hub.cache.rememberCommit(repo, revision, commit);
  return { repo, commit, path, bytes, source: { url, hash } };
}

async function cachedFile({ cache }: HubOptions, repo: string, revision: string, path: string): Promise<FoundFile | undefined> {
  const commit = (await cache.commitOf(repo, revision)) ?? revision;
  const bytes = await cache.sizeOf(repo, commit, path);
  return bytes === undefined ? undefined : { repo, commit, path, bytes };
}
