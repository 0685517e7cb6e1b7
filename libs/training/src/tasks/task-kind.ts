import type { WeightSource } from '@likeness/graph';
import type { z } from 'zod';
import type { Task } from '../trainer/task.ts';

export interface TaskSettings<Data, Model> {
  /** Examples of a step. */
  readonly batch: number;
  readonly seed: number;
  readonly data: Data;
  readonly model: Model;
  /** What the recipe lets the network at a path start from. @throws TrainingError `recipe_invalid` when it says nothing of it */
  readonly from: (at: string) => WeightSource;
  /** A relative path of the recipe counts from the recipe's folder. */
  readonly path: (path: string) => string;
  /** Told how the preparation of the data goes. */
  readonly onPrepare: (what: string, done: number, total: number) => void;
}

/** What a recipe's `task` can name: how its `data` and `model` look, and the task that follows from them. */
export interface TaskKind<Data = unknown, Model = unknown> {
  readonly data: z.ZodType<Data>;
  readonly model: z.ZodType<Model>;
  create(settings: TaskSettings<Data, Model>): Promise<Task>;
}

/** Keeps the types of a kind together until it stands among others. */
export const taskKind = <Data, Model>(kind: TaskKind<Data, Model>): TaskKind => kind;
