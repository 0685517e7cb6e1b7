/**
 * Kubernetes takes the pods away first that cost least: while a pod is at work, it says so in its own annotation
 * `controller.kubernetes.io/pod-deletion-cost`. Its service account must be allowed to patch pods (`podDeletionCost` of the chart).
 */
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { Logger } from '@likeness/platform/telemetry';

export interface Pod {
  readonly name: string;
  readonly namespace: string;
  /** Kubernetes' API. */
  readonly server: URL;
  /** Holds `token`, which is renewed now and then, and `ca.crt`. */
  readonly account?: string;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A change is told after this long: most stages of a small class are over by then. */
const SETTLE_MS = 2_000;
const SILENCE_MS = 5_000;

export class PodDeletionCost {
  readonly #pod: Pod;
  readonly #log: Logger;
  readonly #settleMs: number;
  #atWork = 0;
  #told = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pod: Pod, log: Logger, settleMs = SETTLE_MS) {
    this.#pod = pod;
    this.#log = log;
    this.#settleMs = settleMs;
  }

  /** One stage more, or less, is at work now. */
  change(by: 1 | -1): void {
    this.#atWork += by;
    this.#tellSoon();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => void this.#tell(), this.#settleMs).unref();
  }

  async #tell(): Promise<void> {
    const cost = this.#atWork;
    try {
      if (cost !== this.#told) await annotate(this.#pod, cost);
      this.#told = cost;
    } catch (error) {
      this.#log.warn({ err: error }, 'Kubernetes was not told what the end of this pod would cost');
    }
    this.#timer = undefined;
    if (this.#atWork !== cost) this.#tellSoon();
  }
}

async function annotate({ name, namespace, server, account = ACCOUNT }: Pod, cost: number): Promise<void> {
  const [token, ca] = await Promise.all(['token', 'ca.crt'].map((file) => readFile(join(account, file), 'utf8')));
  const body = JSON.stringify({ metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': String(cost) } } });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = server.protocol === 'https:' ? httpsRequest : httpRequest;
  request(
    new URL(`/api/v1/namespaces/${namespace}/pods/${name}`, server),
    {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token!.trim()}`, 'content-type': 'application/merge-patch+json' },
      ca,
      timeout: SILENCE_MS,
    },
    (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`Kubernetes answered ${response.statusCode}`));
    },
  )
    .on('timeout', function (this: ReturnType<typeof request>) {
      this.destroy(new Error(`no answer within ${SILENCE_MS} ms`));
    })
    .on('error', reject)
    .end(body);
  return promise;
}
