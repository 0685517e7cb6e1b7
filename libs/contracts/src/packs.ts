/** What the service needs to know of a model pack: the public part of `packs/<name>/pack.json`. How its networks are built is the models' own. */
import { z } from 'zod';
import { SCHEDULERS } from './generation-request.ts';

const side = z.int().min(1);
const range = z.object({ min: side, max: side, step: side });

export const PackSummary = z.object({
  name: z.string(),
  version: z.string(),
  title: z.string(),
  /** Whether the weights come from training: a pack without makes patterns, not portraits. */
  trained: z.boolean(),
  /** Fixed pairs of width and height, or a range for each side; pixels. */
  sizes: z.union([z.array(z.tuple([side, side])).min(1), z.object({ width: range, height: range })]),
  defaults: z.object({
    width: side,
    height: side,
    steps: z.int(),
    scheduler: z.enum(SCHEDULERS),
    guidance_scale: z.number(),
    /** A fraction of the steps when it is no whole number. */
    merge_step: z.number(),
    identity_scale: z.number().default(1),
    negative_prompt: z.string().default(''),
  }),
});
export type PackSummary = z.infer<typeof PackSummary>;
