/** Stages run in a test's own process: what `runStage` needs, and work for it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newId, type StageId } from '@likeness/contracts';
import { openSignals, type Signals } from '@likeness/platform/signals';
import { openObjectStore, sealedStore, type ObjectStore, type SealedStore } from '@likeness/platform/storage';
import { createLogger } from '@likeness/platform/telemetry';
import { afterAll, beforeAll } from 'vitest';
import { runStage, type StageContext, type StageOutcome, type StageParts, type StageWork } from '../run-stage.ts';
import { vault, type Journey } from './journey.ts';

export const never = new AbortController().signal;

export class Runs {
  readonly #journey: () => Journey;
  /** What is stored, as it is stored. */
  readonly objects: ObjectStore;
  readonly store: SealedStore;
  readonly signals: Signals;

  constructor(journey: () => Journey, folder: string) {
    this.#journey = journey;
    this.objects = openObjectStore(pathToFileURL(folder).href);
    this.store = sealedStore(this.objects, vault);
    this.signals = openSignals({ DATABASE_URL: journey().url, REDIS_URL: undefined });
  }

  run(
    stageId: StageId,
    work: StageWork,
    { shutdown = never, ...parts }: Partial<StageParts & { shutdown: AbortSignal }> = {},
  ): Promise<StageOutcome> {
    const { store, signals } = this;
    const all = { db: this.#journey().db, store, signals, log: createLogger('test', 'silent'), workerId: newId('worker'), ...parts };
    return runStage(all, stageId, work, shutdown);
  }

  /** A store that does not take the objects whose key has this in it, for the first so many times. */
  refusing(part: string, times: number, error: Error): SealedStore {
    let left = times;
    const put: SealedStore['put'] = async (key, ...rest) => {
      if (key.includes(part) && left-- > 0) throw error;
      await this.store.put(key, ...rest);
    };
    return { ...this.store, put };
  }

  /** The keys of what a generation has in the store. */
  async keysOf(id: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.store.list('t/')) if (key.includes(id)) keys.push(key);
    return keys.sort();
  }
}

/** One folder and one connection for each test file. */
export function useRuns(journey: () => Journey): () => Runs {
  let runs: Runs | undefined;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'likeness-stage-'));
    runs = new Runs(journey, folder);
    await runs.signals.ready;
  });
  afterAll(async () => {
    await runs?.signals.close();
    await rm(folder, { recursive: true, force: true });
  });
  return () => {
    if (!runs) throw new Error('the runs begin with the first test');
    return runs;
  };
}

export const bytes = (text: string) => ({ bytes: Buffer.from(text), contentType: 'text/plain' });

/** All that the first stage leaves. */
export const keepAll = async ({ keep }: StageContext): Promise<void> => {
  for (const name of ['reference', 'face', 'label-map']) await keep(name, bytes(name));
  await keep('regions', ['eyes', 'mouth'].map(bytes));
};

/** Also when that was before the work began. */
export const untilAborted = ({ signal }: StageContext): Promise<never> =>
  new Promise((_, failed) => {
    const abort = () => failed(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
