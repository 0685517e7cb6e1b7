/** One inference process per slot. A stage borrows one for as long as it works. */
import type { WorkerClass } from '@likeness/contracts';
import type { Logger } from '@likeness/platform/telemetry';
import { createPipelineHost, type StageName } from '@likeness/pipeline';
import type { WorkerConfig } from './worker.config.ts';

export type Host = ReturnType<typeof createPipelineHost>;

const CANCEL_GRACE_MS = 10_000;

export class InferencePool {
  readonly #hosts: readonly Host[];
  readonly #free: Host[];

  constructor(config: WorkerConfig, stage: StageName, cls: WorkerClass, log: Logger) {
    this.#hosts = Array.from({ length: config.WORKER_SLOTS }, () =>
      createPipelineHost({
        warm: { pack: config.DEFAULT_PACK, stage },
        packDirs: config.PACKS_DIR === undefined ? undefined : [config.PACKS_DIR],
        threads: config.INFERENCE_THREADS || undefined,
        weightsFolder: config.WEIGHTS_DIR,
        memoryLimitBytes: config.INFERENCE_MEMORY_MIB * 2 ** 20,
        cancelGraceMs: CANCEL_GRACE_MS,
        onReplaced: ({ reason, pid }) => log.warn({ reason, pid, class: cls }, 'an inference process was replaced'),
      }),
    );
    this.#free = [...this.#hosts];
  }

  /** Resolves when every process has loaded the default pack. */
  async start(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.start()));
  }

  get ready(): boolean {
    return this.#hosts.every((host) => host.ready);
  }

  async borrow<T>(work: (host: Host) => Promise<T>): Promise<T> {
    const host = this.#free.pop();
    if (!host) throw new Error('more stages at work than there are slots');
    try {
      return await work(host);
    } finally {
      this.#free.push(host);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop()));
  }
}
