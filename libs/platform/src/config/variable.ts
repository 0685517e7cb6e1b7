/**
 * Configuration: one zod schema per app, parsed once before anything starts. Every variable has a description, and says
 * whether it is a secret; `docs/configuration.md` is written from the same schemas.
 */
import { z } from 'zod';

export interface VariableMeta {
  readonly description: string;
  /** Never printed, not even as an offending value. */
  readonly secret?: boolean;
}

/** A variable of the environment. Numbers and booleans come as text: use `z.coerce.number()`, `flag`. */
export const variable = <T extends z.ZodType>(type: T, meta: VariableMeta): T => type.meta({ ...type.meta(), ...meta });

export const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
/** `a,b,c` → ['a', 'b', 'c']; empty parts are dropped. */
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
export const port = z.coerce.number().int().min(0).max(65_535);
