import { decodePlain, toRgb } from '@likeness/pipeline';
import type { Bench } from './bench.ts';
import type { Condition } from './conditions.ts';
import type { Observation } from './measuring/observer.ts';
import type { Reporter } from './progress.ts';
import type { Prompt } from './prompts.ts';
import type { SeenPicture } from './rows.ts';
import { drawScene, type Subject } from './subjects.ts';

/** Makes pictures, or finds them, and looks at each once. */
export class Seer {
  readonly #bench: Bench;
  readonly #progress: Reporter;
  readonly #signal: AbortSignal | undefined;
  /** By the picture's name: rows share pictures. */
  readonly #seen = new Map<string, Observation>();

  constructor(bench: Bench, progress: Reporter, signal: AbortSignal | undefined) {
    this.#bench = bench;
    this.#progress = progress;
    this.#signal = signal;
  }

  async rows(
    conditions: readonly Condition[],
    subjects: readonly Subject[],
    prompts: readonly Prompt[],
  ): Promise<Map<Condition, SeenPicture[]>> {
    const rows = new Map<Condition, SeenPicture[]>();
    for (const condition of conditions) {
      const row: SeenPicture[] = [];
      for (const [k, subject] of subjects.entries())
        for (const prompt of prompts) row.push({ subject: k, prompt, ...(await this.#picture(condition, subject, prompt)) });
      rows.set(condition, row);
    }
    return rows;
  }

  async drawn(
    subjects: readonly Subject[],
    prompts: readonly Prompt[],
    { seed, take }: { seed: number; take: number },
  ): Promise<SeenPicture[]> {
    const { observer, size } = this.#bench;
    const row: SeenPicture[] = [];
    for (const [k, subject] of subjects.entries()) {
      for (const prompt of prompts) {
        this.#signal?.throwIfAborted();
        this.#progress.show('drawings', row.length + 1, subjects.length * prompts.length);
        row.push({
          subject: k,
          prompt,
          file: null,
          observation: await observer.observe(drawScene(subject, prompt.id, { seed, take, size })),
        });
      }
    }
    return row;
  }

  async #picture(condition: Condition, subject: Subject, prompt: Prompt): Promise<Pick<SeenPicture, 'file' | 'observation'>> {
    this.#signal?.throwIfAborted();
    const begun = performance.now();
    const { name, bytes, isNew } = await this.#bench.makers.get(condition.pack)!.make(subject, prompt, condition);
    this.#progress.picture(isNew ? performance.now() - begun : 0);
    let observation = this.#seen.get(name);
    if (!observation) {
      observation = await this.#bench.observer.observe(toRgb(await decodePlain(bytes)));
      this.#seen.set(name, observation);
    }
    return { file: name, observation };
  }
}
