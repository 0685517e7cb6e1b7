import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plotPng } from './plot.ts';
import { Table, type Row } from './table.ts';

/** Columns that need no picture, as they are known or change for other reasons. */
const unplotted = new Set(['step', 'learning_rate', 'rate']);

/** What a run has measured: `curve.csv` (every step), `evaluation.csv`, and both as `curve.png`. */
export class Curve {
  readonly #picture: string;
  readonly #title: string;
  readonly #steps: Table;
  readonly #evaluations: Table;

  /** Goes on after `step`. */
  constructor(directory: string, title: string, step: number) {
    this.#picture = join(directory, 'curve.png');
    this.#title = title;
    this.#steps = new Table(join(directory, 'curve.csv'), step);
    this.#evaluations = new Table(join(directory, 'evaluation.csv'), step);
  }

  add(row: Row, evaluation: Row | undefined): void {
    this.#steps.add(row);
    if (evaluation) this.#evaluations.add({ step: row['step']!, ...evaluation });
  }

  async save(): Promise<void> {
    this.#steps.flush();
    this.#evaluations.flush();
    const png = await plotPng(this.#title, [...series(this.#steps.rows, ''), ...series(this.#evaluations.rows, 'held out: ')]);
    writeFileSync(`${this.#picture}.partial`, png);
    renameSync(`${this.#picture}.partial`, this.#picture);
  }
}

function series(rows: readonly Row[], prefix: string) {
  const names = Object.keys(rows[0] ?? {}).filter((name) => !unplotted.has(name));
  return names.map((name) => ({ name: prefix + name, points: rows.map((row) => [row['step']!, row[name] ?? NaN] as const) }));
}
