/** A recipe: all that a training is made from, as a JSON file. */
import { openCheckpoint, type Checkpoint } from '@likeness/graph';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { TrainingError } from './errors.ts';
import { saveWeights } from './parameters/save-weights.ts';
import { taskKinds } from './tasks/index.ts';
import type { Task } from './trainer/task.ts';
import { train, type TrainingOptions, type TrainingProgress, type TrainingResult } from './trainer/train.ts';

const count = z.int().min(1);
const share = z.number().min(0).lt(1);

const Optimiser = z.strictObject({
  learning_rate: z.number().positive(),
  warmup: z.int().min(0).default(0),
  schedule: z.enum(['cosine', 'constant']).default('cosine'),
  final_share: z.number().min(0).max(1).default(0),
  betas: z.tuple([share, share]).default([0.9, 0.999]),
  epsilon: z.number().positive().default(1e-8),
  weight_decay: z.number().min(0).default(0.01),
  decay_vectors: z.boolean().default(false),
  clip_norm: z.number().positive().optional(),
  ema: z.strictObject({ decay: share, every: count.default(1) }).optional(),
});

/** A file, or several by the path at which their networks stand in the task. */
const Files = z.union([z.string(), z.record(z.string(), z.string())]);

const Recipe = z.strictObject({
  task: z.string(),
  /** What it is for, and what was found: not read. */
  notes: z.string().optional(),
  seed: z.int().default(0),
  steps: count,
  batch: count,
  optimiser: Optimiser,
  checkpoint_every: count.default(500),
  evaluate_every: count.optional(),
  threads: count.optional(),
  data: z.unknown().optional(),
  model: z.unknown().optional(),
  /** Checkpoints that networks start from. */
  from: Files.optional(),
  /** Where the trained weights go, as float16. */
  output: Files.optional(),
});
export type Recipe = z.infer<typeof Recipe>;

export interface TrainRecipeOptions extends Pick<TrainingOptions, 'resume' | 'signal' | 'threads'> {
  /** Where checkpoints and curves go. */
  readonly directory: string;
  readonly onPrepare?: (what: string, done: number, total: number) => void;
  readonly onProgress?: (progress: TrainingProgress) => void;
}

/**
 * Trains what a recipe file says and writes its outputs. Relative paths in it count from its own folder.
 * @throws TrainingError `recipe_invalid` (path and value), `dataset_invalid`, and those of `train`
 */
export async function trainRecipe(
  file: string,
  { onPrepare = () => {}, ...options }: TrainRecipeOptions,
): Promise<TrainingResult & { outputs: string[] }> {
  const { recipe, data, model, kind } = readRecipe(file);
  const path = (name: string) => resolve(dirname(file), name);
  const { batch, seed, optimiser } = recipe;
  const from = Object.entries(byPath(recipe.from)).map(([at, name]) => ({ at, source: openFrom(file, at, path(name)) }));
  const startOf = (at: string) =>
    from.find((start) => start.at === at)?.source ?? raise(invalid(file, `from.${at}`, 'is needed by this task', undefined));
  try {
    const task = await kind.create({ batch, seed, data, model, from: startOf, path, onPrepare });
    const result = await train(startingFrom(from, task), {
      ...options,
      ...optimiserOptions(optimiser),
      threads: options.threads ?? recipe.threads,
      batch,
      seed,
      steps: recipe.steps,
      checkpointEvery: recipe.checkpoint_every,
      evaluateEvery: recipe.evaluate_every,
      title: `${recipe.task}, seed ${seed}`,
      recipe: { task: recipe.task, batch, data, model, from: recipe.from },
    });
    const outputs = result.finished ? Object.entries(byPath(recipe.output)) : [];
    for (const [at, name] of outputs) {
      mkdirSync(dirname(path(name)), { recursive: true });
      saveWeights(path(name), result.weights, { path: at, type: 'F16' });
    }
    return { ...result, outputs: outputs.map(([, name]) => path(name)) };
  } finally {
    for (const { source } of from) source.close();
  }
}

/** Reads a recipe with everything it leaves open filled in. */
export function readRecipe(file: string) {
  if (!existsSync(file)) throw invalid(file, '', 'is not there', undefined);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw invalid(file, '', `is no JSON: ${(cause as Error).message}`, undefined);
  }
  const recipe = parse(file, Recipe, json, []);
  const kind = Object.hasOwn(taskKinds, recipe.task) ? taskKinds[recipe.task] : undefined;
  if (!kind) throw invalid(file, 'task', `is none of ${Object.keys(taskKinds).join(', ')}`, recipe.task);
  return {
    recipe,
    kind,
    data: parse(file, kind.data, recipe.data ?? {}, ['data']),
    model: parse(file, kind.model, recipe.model ?? {}, ['model']),
  };
}

function parse<T>(file: string, schema: z.ZodType<T>, json: unknown, at: readonly string[]): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const value = path.reduce<unknown>((within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key], json);
  throw invalid(file, [...at, ...path].join('.'), message, value);
}

function invalid(file: string, path: string, reason: string, value: unknown): TrainingError {
  const got = value === undefined ? '' : `, got ${JSON.stringify(value)}`;
  return new TrainingError('recipe_invalid', `${file}${path && `: ${path}`}: ${reason}${got}.`, { file, path, value });
}

function openFrom(file: string, at: string, checkpoint: string): Checkpoint {
  if (!existsSync(checkpoint)) throw invalid(file, at === '' ? 'from' : `from.${at}`, 'is not there', checkpoint);
  return openCheckpoint(checkpoint);
}

/** The task, whose networks take their first values from these sources before any of its own. */
const startingFrom = (from: readonly { at: string; source: Checkpoint }[], task: Task): Task => ({
  build(graph, parameters) {
    for (const { at, source } of from) parameters.start(source, at);
    return task.build(graph, parameters);
  },
  batch: (step, random) => task.batch(step, random),
  ...(task.evaluate && { evaluate: (weights, step) => task.evaluate!(weights, step) }),
});

const byPath = (files: Recipe['from']): Readonly<Record<string, string>> => (typeof files === 'string' ? { '': files } : (files ?? {}));

const optimiserOptions = (o: Recipe['optimiser']) => ({
  learningRate: o.learning_rate,
  warmup: o.warmup,
  schedule: o.schedule,
  finalShare: o.final_share,
  betas: o.betas,
  epsilon: o.epsilon,
  weightDecay: o.weight_decay,
  decayVectors: o.decay_vectors,
  clipNorm: o.clip_norm,
  ema: o.ema,
});

function raise(error: Error): never {
  throw error;
}
