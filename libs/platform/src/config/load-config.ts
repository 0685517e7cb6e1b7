import type { z } from 'zod';
import { isKnownSecret } from './known-secrets.ts';
import type { VariableMeta } from './variable.ts';

export class ConfigError extends Error {}

/** Parses the environment. One error names every variable that is missing or wrong; with NODE_ENV=production also those whose secret is known. */
export function loadConfig<S extends z.ZodObject>(schema: S, env: Readonly<Record<string, string | undefined>>): z.infer<S> {
  const shape = schema.shape as Record<string, z.ZodType>;
  const given = Object.fromEntries(
    Object.keys(shape).flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])),
  );
  const metaOf = (name: string) => (shape[name]?.meta() ?? {}) as Partial<VariableMeta>;
  const parsed = schema.safeParse(given);
  const wrong = (parsed.error?.issues ?? []).map((issue) => {
    const name = String(issue.path[0]);
    const { description, secret } = metaOf(name);
    const value =
      given[name] === undefined ? 'is not set' : secret ? 'has a value that is not allowed' : `is ${JSON.stringify(given[name])}`;
    return `  ${name} ${value}: ${issue.message}${description ? ` (${description})` : ''}`;
  });
  const known = Object.entries(parsed.success && env['NODE_ENV'] === 'production' ? given : {})
    .filter(([name, value]) => metaOf(name).secret && isKnownSecret(value))
    .map(([name]) => `  ${name} has a secret that everybody knows: \`npm run likeness -- init\` makes new ones`);
  const lines = [...wrong, ...known];
  if (parsed.success && lines.length === 0) return parsed.data;
  throw new ConfigError(`the configuration is not complete:\n${lines.join('\n')}`);
}

/** The rows of `docs/configuration.md` for one app: name, default, description. */
export function describeVariables(
  schema: z.ZodObject,
): { name: string; description: string; secret: boolean; fallback: string | undefined }[] {
  return Object.entries(schema.shape as Record<string, z.ZodType>).map(([name, type]) => {
    const { description = '', secret = false } = (type.meta() ?? {}) as Partial<VariableMeta>;
    const parsed = type.safeParse(undefined);
    const fallback = parsed.success && parsed.data !== undefined ? [parsed.data].flat().map(String).join(',') : undefined;
    return { name, description, secret, fallback };
  });
}
