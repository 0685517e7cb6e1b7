/**
 * Where the tasks of a worker's stages run. Models hold the event loop, so there is one inference process per slot, lent for as long as
 * a task takes. A pack that only moves bytes holds nothing: its tasks run here, as many at once as there are stages.
 */
import type { WorkerClass } from '@likeness/contracts';
import type { RunOptions } from '@likeness/inference';
import { createPipelineHost, openStages, pipelineTasks, type PipelineTasks, type StageName, type Stages } from '@likeness/pipeline';
import type { Logger } from '@likeness/platform/telemetry';
import type { WorkerConfig } from './worker.config.ts';

type Host = ReturnType<typeof createPipelineHost>;
type Result<T extends keyof PipelineTasks> = Awaited<ReturnType<PipelineTasks[T]>>;

const CANCEL_GRACE_MS = 10_000;
const never = new AbortController().signal;

export class InferencePool {
  readonly #config: WorkerConfig;
  readonly #hosts: readonly Host[];
  readonly #free: Host[];
  readonly #waiting: ((host: Host) => void)[] = [];
  readonly #opened = new Map<string, Promise<Stages>>();
  readonly #here: PipelineTasks;
  #started: 'with processes' | 'without' | undefined;

  constructor(config: WorkerConfig, stage: StageName, cls: WorkerClass, log: Logger) {
    this.#config = config;
    this.#hosts = Array.from({ length: config.WORKER_SLOTS }, () =>
      createPipelineHost({
        warm: { pack: config.DEFAULT_PACK, stage },
        packDirs: config.packDirs,
        threads: config.INFERENCE_THREADS || undefined,
        device: config.INFERENCE_DEVICE,
        precision: config.INFERENCE_PRECISION,
        weightsFolder: config.WEIGHTS_DIR,
        memoryLimitBytes: config.INFERENCE_MEMORY_MIB * 2 ** 20,
        cancelGraceMs: CANCEL_GRACE_MS,
        onReplaced: ({ reason, pid }) => log.warn({ reason, pid, class: cls }, 'an inference process was replaced'),
      }),
    );
    this.#free = [...this.#hosts];
    this.#here = pipelineTasks((pack) => this.#stagesOf(pack));
  }

  /** Resolves when every process has loaded the default pack; one that needs no process has none until another pack is asked for. */
  async start(): Promise<void> {
    const started = (await this.#runsHere(this.#config.DEFAULT_PACK)) ? 'without' : 'with processes';
    if (started === 'with processes') await Promise.all(this.#hosts.map((host) => host.start()));
    this.#started = started;
  }

  get ready(): boolean {
    return this.#started === 'without' || (this.#started === 'with processes' && this.#hosts.every((host) => host.ready));
  }

  async run<T extends keyof PipelineTasks>(task: T, payload: Parameters<PipelineTasks[T]>[0], options: RunOptions): Promise<Result<T>> {
    if (await this.#runsHere(payload.pack)) return this.#runHere(task, payload, options);
    const host = this.#free.pop() ?? (await new Promise<Host>((lent) => this.#waiting.push(lent)));
    try {
      return (await host.run(task, payload as never, { ...options, model: payload.pack })) as Result<T>;
    } finally {
      const next = this.#waiting.shift();
      if (next) next(host);
      else this.#free.push(host);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop()));
  }

  async #runHere<T extends keyof PipelineTasks>(
    task: T,
    payload: Parameters<PipelineTasks[T]>[0],
    { signal = never, pause = never, onProgress, onWorked }: RunOptions,
  ): Promise<Result<T>> {
    const started = performance.now();
    try {
      return (await this.#here[task](payload as never, { signal, pause, progress: (seen) => onProgress?.(seen) })) as Result<T>;
    } finally {
      onWorked?.(performance.now() - started);
    }
  }

  /** A pack that cannot be opened goes to a process, which has the right error for it. */
  #runsHere(pack: string): Promise<boolean> {
    return this.#stagesOf(pack).then(
      (stages) => stages.pack.manifest.pipeline === 'noop',
      () => false,
    );
  }

  /** Opening reads the manifest alone. */
  #stagesOf(pack: string): Promise<Stages> {
    let stages = this.#opened.get(pack);
    if (!stages) {
      stages = openStages(pack, { packDirs: this.#config.packDirs });
      stages.catch(() => this.#opened.delete(pack));
      this.#opened.set(pack, stages);
    }
    return stages;
  }
}
