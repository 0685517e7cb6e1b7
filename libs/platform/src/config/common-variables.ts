import { z } from 'zod';
import { list, port, variable } from './variable.ts';

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
  DATA_KEY_SECRET: variable(z.string().min(32), {
    description:
      'wraps the keys that objects are encrypted under; the same for all processes; whoever loses it has lost the objects; at least 32 characters',
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
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(z.url({ protocol: /^https?$/ }).optional(), {
    description: 'an OTLP/HTTP collector that traces are sent to, e.g. http://localhost:4318; without it there are none',
  }),
  DEFAULT_PACK: variable(z.string().default('sketch'), { description: 'the model pack of requests that name none' }),
  PACKS_DIR: variable(z.string().optional(), {
    description: 'a folder with model packs, searched before the bundled ones; default: `~/.local/share/likeness/packs`',
  }),
};

/** Of the apps that give out links: they must agree. */
export const linkVariables = {
  SIGNING_SECRET: variable(z.string().min(32), {
    description: 'signs the links to artifacts, files and streams; the same for all replicas and the dispatcher; at least 32 characters',
    secret: true,
  }),
  ARTIFACT_URL_SECONDS: variable(z.coerce.number().int().min(60).max(604_800).default(3600), {
    description: 'how long such a link lives',
  }),
};

/** Common variables, parsed. What opens a part of the platform takes those that it needs, so an app hands its configuration on. */
export type CommonConfig = z.infer<z.ZodObject<typeof commonVariables>>;
