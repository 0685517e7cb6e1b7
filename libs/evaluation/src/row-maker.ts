import { decodePlain, toRgb, type Picture } from '@likeness/pipeline';
import type { OpenedModels } from './open-models.ts';
import type { Condition } from './conditions.ts';
import type { Observation } from './measuring/observer.ts';
import type { Reporter } from './progress.ts';
import type { Prompt } from './prompts.ts';
import type { SeenPicture } from './rows.ts';
import { drawScene, type Subject } from './subjects.ts';

/** Rows over the same people and prompts. */
export interface Section {
  readonly name: 'main' | 'ablations';
  readonly conditions: readonly Condition[];
  readonly subjects: readonly Subject[];
  readonly prompts: readonly Prompt[];
}

export interface SeenRow {
  readonly condition: Condition;
  readonly seen: readonly SeenPicture[];
}

interface Scene {
  readonly subject: number;
  readonly prompt: Prompt;
  readonly picture: Picture;
}

/** Makes pictures, or finds them, and looks at each once. */
export class RowMaker {
  readonly #opened: OpenedModels;
  readonly #progress: Reporter;
  readonly #signal: AbortSignal | undefined;
  /** By the picture's name: rows share pictures. */
  readonly #seen = new Map<string, Observation>();

  constructor(opened: OpenedModels, progress: Reporter, signal: AbortSignal | undefined) {
    this.#opened = opened;
    this.#progress = progress;
    this.#signal = signal;
  }

  async rows({ conditions, subjects, prompts }: Section): Promise<SeenRow[]> {
    const rows: SeenRow[] = [];
    for (const condition of conditions) {
      const seen: SeenPicture[] = [];
      for (const [k, subject] of subjects.entries())
        for (const prompt of prompts) seen.push({ subject: k, prompt, ...(await this.#picture(condition, subject, prompt)) });
      rows.push({ condition, seen });
    }
    return rows;
  }

  /** Drawn pictures of every scene. */
  async *scenes({ subjects, prompts }: Section, { seed, take }: { seed: number; take: number }): AsyncGenerator<Scene> {
    let done = 0;
    for (const [k, subject] of subjects.entries()) {
      for (const prompt of prompts) {
        this.#signal?.throwIfAborted();
        this.#progress.show('drawings', ++done, subjects.length * prompts.length);
        yield { subject: k, prompt, picture: drawScene(subject, prompt.id, { seed, take, size: this.#opened.size }) };
      }
    }
  }

  async #picture(condition: Condition, subject: Subject, prompt: Prompt): Promise<Pick<SeenPicture, 'file' | 'observation'>> {
    this.#signal?.throwIfAborted();
    const begun = performance.now();
    const { name, bytes, isNew } = await this.#opened.makers.get(condition.pack)!.make(subject, prompt, condition);
    this.#progress.picture(isNew ? performance.now() - begun : 0);
    let observation = this.#seen.get(name);
    if (!observation) {
      observation = await this.#opened.observer.observe(toRgb(await decodePlain(bytes)));
      this.#seen.set(name, observation);
    }
    return { file: name, observation };
  }
}
