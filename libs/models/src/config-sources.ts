/** What the configuration of a network is read from: the fields of a file, or the shapes of its tensors. */
import { WeightError, type WeightSource } from '@likeness/graph';
import { z } from 'zod';
import { ModelError } from './errors.ts';

/** No width, depth or vocabulary of a published model comes near. */
export const count = z
  .int()
  .positive()
  .max(1 << 20);

/** @throws ModelError `model_config_invalid` with the first field that is wrong and its value */
export function parse<S extends z.ZodType>(what: string, schema: S, json: unknown): z.output<S> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues as [z.core.$ZodIssue];
  const found = issue.path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], json);
  throw new ModelError(
    'model_config_invalid',
    `${what} configuration: "${issue.path.join('.')}" is ${JSON.stringify(found)}: ${issue.message}.`,
  );
}

/** The shape of a tensor that must be there with so many dimensions. @throws WeightError `weight_missing` or `weight_shape` */
export function shapeOf(source: WeightSource, key: string, rank: number): readonly number[] {
  const shape = source.shape(key);
  if (shape?.length !== rank) {
    throw new WeightError(
      shape ? 'weight_shape' : 'weight_missing',
      `${source.name}: "${key}" of ${rank} dimensions is needed, found ${shape ? `[${shape.join(', ')}]` : 'none'}.`,
    );
  }
  return shape;
}

/** How many numbered layers lie below a prefix. */
export function layersOf(source: WeightSource, prefix: string): number {
  const numbers = (source.keys ?? []).flatMap((key) =>
    key.startsWith(`${prefix}.`) ? Number.parseInt(key.slice(prefix.length + 1), 10) : [],
  );
  return Math.max(-1, ...numbers) + 1;
}
