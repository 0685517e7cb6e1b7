import type { Logger } from '@likeness/platform/telemetry';
import { writeArtifact } from './artifacts.ts';
import type { ClaimedStage } from './generation.ts';
import { artifactKey } from './object-keys.ts';
import type { StageParts } from './run-stage.ts';

/**
 * Pictures of a stage at work, an object each: `…/preview-<step>`. The last two are kept, because the generation shows the one before
 * until the next heartbeat; none outlives the stage.
 */
export class Previews {
  readonly #store: StageParts['store'];
  readonly #stage: ClaimedStage;
  readonly #log: Logger;
  readonly #keys: string[] = [];
  #writing: Promise<void> | undefined;

  constructor(store: StageParts['store'], stage: ClaimedStage, log: Logger) {
    this.#store = store;
    this.#stage = stage;
    this.#log = log;
  }

  /** Writes one more and tells its key when it is there. While another is on its way it is left out: a preview is worth no queue. */
  add(step: number, jpeg: Uint8Array, written: (key: string) => void): void {
    this.#writing ??= this.#write(step, jpeg, written)
      .catch((error: unknown) => this.#log.warn({ err: error }, 'a preview could not be written'))
      .finally(() => (this.#writing = undefined));
  }

  /** Removes all, once nothing shows them any more. */
  async clear(): Promise<void> {
    await this.#writing;
    await this.#remove(this.#keys.splice(0));
  }

  async #write(step: number, bytes: Uint8Array, written: (key: string) => void): Promise<void> {
    this.#keys.push(artifactKey(this.#stage, 'preview', step));
    const { object_key } = await writeArtifact(this.#store, this.#stage, 'preview', step, { bytes, contentType: 'image/jpeg' });
    written(object_key);
    await this.#remove(this.#keys.splice(0, this.#keys.length - 2));
  }

  async #remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#store.remove(keys).catch((error: unknown) => this.#log.warn({ err: error }, 'previews are left to the sweeper'));
  }
}
