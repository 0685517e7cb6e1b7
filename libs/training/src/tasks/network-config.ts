import { ModelError } from '@likeness/models';
import { z } from 'zod';

/** A network's configuration in a recipe, as its `config.json` has it: what that refuses, the recipe does. */
export const networkConfig = <T>(read: (json: never) => T) =>
  z.unknown().transform((json, context): T => {
    try {
      return read((json ?? {}) as never);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  });
