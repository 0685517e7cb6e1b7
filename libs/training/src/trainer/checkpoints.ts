import { openCheckpoint, writeSafetensors, type WrittenTensor } from '@likeness/graph';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TrainingError } from '../errors.ts';

/** How many are kept: the last, and the one before it. */
const kept = 2;
const tensorsFile = 'state.safetensors';
const factsFile = 'state.json';

interface Facts {
  readonly step: number;
  /** What the run is: runs of equal recipes go the same way. */
  readonly recipe: unknown;
}

/**
 * The checkpoints of a run: a folder each, named by its step, with the arrays and the facts. A folder appears whole, by a rename. As random
 * numbers follow from seed and step, no generator's state has to be kept.
 */
export class Checkpoints {
  readonly folder: string;
  readonly #recipe: unknown;

  /** `recipe` is anything that JSON can hold. */
  constructor(folder: string, recipe: unknown) {
    this.folder = folder;
    this.#recipe = JSON.parse(JSON.stringify(recipe));
  }

  /** Steps of the checkpoints there are, in order. */
  steps(): number[] {
    if (!existsSync(this.folder)) return [];
    const names = readdirSync(this.folder).filter((name) => /^\d+$/.test(name));
    return names.map(Number).toSorted((a, b) => a - b);
  }

  save(step: number, tensors: ReadonlyMap<string, WrittenTensor>): void {
    const place = this.#place(step);
    const partial = `${place}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    writeSafetensors(join(partial, tensorsFile), tensors);
    writeFileSync(join(partial, factsFile), `${JSON.stringify({ step, recipe: this.#recipe } satisfies Facts, null, 2)}\n`);
    rmSync(place, { recursive: true, force: true });
    renameSync(partial, place);
    for (const old of this.steps().slice(0, -kept)) rmSync(this.#place(old), { recursive: true });
  }

  /**
   * Fills the arrays from the last checkpoint and returns its step; 0 where there is none.
   * @throws TrainingError `checkpoint_mismatch` when it belongs to another recipe or to a model with other tensors
   */
  restore(tensors: ReadonlyMap<string, WrittenTensor>): number {
    const step = this.steps().at(-1);
    if (step === undefined) return 0;
    const place = this.#place(step);
    const { recipe } = JSON.parse(readFileSync(join(place, factsFile), 'utf8')) as Facts;
    const difference = firstDifference(recipe, this.#recipe);
    if (difference) {
      const { path, stored, wanted } = difference;
      const message = `${place} belongs to another recipe: ${path} was ${text(stored)}, now it is ${text(wanted)}.`;
      throw new TrainingError('checkpoint_mismatch', message, { checkpoint: place, ...difference });
    }
    const stored = openCheckpoint(join(place, tensorsFile));
    try {
      const strange = [...stored.keys.filter((key) => !tensors.has(key)), ...[...tensors.keys()].filter((key) => !stored.has(key))][0];
      if (strange !== undefined) {
        const message = `${place} is of another model: "${strange}" is only in one of the two.`;
        throw new TrainingError('checkpoint_mismatch', message, { checkpoint: place, key: strange });
      }
      for (const [key, { shape, values }] of tensors) values.set(stored.read(key, shape));
    } finally {
      stored.close();
    }
    return step;
  }

  #place(step: number): string {
    return join(this.folder, String(step).padStart(8, '0'));
  }
}

const text = (value: unknown): string => JSON.stringify(value) ?? 'absent';

interface Difference {
  readonly path: string;
  readonly stored: unknown;
  readonly wanted: unknown;
}

/** Where two JSON values first differ. */
function firstDifference(stored: unknown, wanted: unknown, path = ''): Difference | undefined {
  if (!isRecord(stored) || !isRecord(wanted))
    return JSON.stringify(stored) === JSON.stringify(wanted) ? undefined : { path: path || 'the whole', stored, wanted };
  for (const key of new Set([...Object.keys(stored), ...Object.keys(wanted)])) {
    const difference = firstDifference(stored[key], wanted[key], path === '' ? key : `${path}.${key}`);
    if (difference) return difference;
  }
  return undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
