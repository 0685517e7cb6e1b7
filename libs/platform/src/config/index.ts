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

/** What every app reads. */
export const commonVariables = {
  DATABASE_URL: variable(z.url({ protocol: /^postgres(ql)?$/ }), {
    description: 'Postgres, as postgres://user:password@host:port/database',
    secret: true,
  }),
  REDIS_URL: variable(z.url({ protocol: /^rediss?$/ }).optional(), {
    description: 'Redis or Valkey for the queue; without it the queue lives in Postgres',
    secret: true,
  }),
  OBJECT_STORE_URL: variable(z.url({ protocol: /^(file|s3)$/ }), {
    description: 'where objects are kept: file:///directory or s3://ACCESS:SECRET@host:port/bucket?ssl=true&region=us-east-1',
    secret: true,
  }),
  LOG_LEVEL: variable(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'), { description: 'how much is logged' }),
  EGRESS_ALLOW_CIDRS: variable(list.default([]), {
    description: 'networks that webhooks and picture URLs may reach although they are private, e.g. 10.0.0.0/8,fd00::/8',
  }),
  EGRESS_ALLOW_ADDRESSES: variable(list.default([]), {
    description: 'single addresses that webhooks and picture URLs may reach although they are private, as host:port',
  }),
  EGRESS_ALLOW_PORTS: variable(
    list
      .transform((parts) => parts.map(Number))
      .pipe(z.array(z.number().int().min(1).max(65_535)))
      .default([]),
    { description: 'ports other than 80 and 443 that webhooks and picture URLs may use' },
  ),
  HEALTH_HOST: variable(z.string().default('127.0.0.1'), {
    description: 'where /healthz, /readyz and /metrics of a worker or dispatcher listen',
  }),
  HEALTH_PORT: variable(port.default(0), { description: 'its port; 0 = any free one, which is logged' }),
  DEFAULT_PACK: variable(z.string().default('sketch'), { description: 'the model pack of requests that name none' }),
  PACKS_DIR: variable(z.string().optional(), { description: 'a folder with model packs; default: the bundled ones' }),
};

export class ConfigError extends Error {}

/** Parses the environment. One error names every variable that is missing or wrong. */
export function loadConfig<S extends z.ZodObject>(schema: S, env: Readonly<Record<string, string | undefined>>): z.infer<S> {
  const shape = schema.shape as Record<string, z.ZodType>;
  const given = Object.fromEntries(
    Object.keys(shape).flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const { description, secret } = (shape[name]?.meta() ?? {}) as Partial<VariableMeta>;
    const value =
      given[name] === undefined ? 'is not set' : secret ? 'has a value that is not allowed' : `is ${JSON.stringify(given[name])}`;
    return `  ${name} ${value}: ${issue.message}${description ? ` (${description})` : ''}`;
  });
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

/** Common variables, parsed. What opens a part of the platform takes those that it needs, so an app hands its configuration on. */
export type CommonConfig = z.infer<z.ZodObject<typeof commonVariables>>;
