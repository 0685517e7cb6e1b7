/** What the API reads from its environment, once, before anything starts. `docs/configuration.md` is written from it. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commonVariables, flag, linkVariables, loadConfig, port, variable } from '@likeness/platform/config';
import { z } from 'zod';

const { HEALTH_HOST: _host, HEALTH_PORT: _port, ...common } = commonVariables;

/** The same from `src` and from `dist`. */
const bundledPacks = fileURLToPath(new URL('../../../packs', import.meta.url));
const ownPacks = join(homedir(), '.local', 'share', 'likeness', 'packs');

export const ApiVariables = z.object({
  ...common,
  HOST: variable(z.string().default('127.0.0.1'), { description: 'address the API listens on' }),
  PORT: variable(port.default(4000), { description: 'its port; 0 = any free one' }),
  PUBLIC_URL: variable(z.url({ protocol: /^https?$/ }).optional(), {
    description: 'how clients reach the API, without a path; the start of every URL it gives out; default: http://HOST:PORT',
  }),
  ...linkVariables,
  METRICS_PUBLIC: variable(flag.default(false), {
    description: 'whether /metrics and /v1/queue answer without a key to other machines too',
  }),
  DATABASE_POOL: variable(z.coerce.number().int().min(2).max(100).default(10), { description: 'connections to Postgres' }),
});

export type ApiConfig = z.infer<typeof ApiVariables> & { readonly PUBLIC_URL: string; readonly packDirs: readonly string[] };

/** @throws ConfigError naming every variable that is missing or wrong */
export function readApiConfig(env: Readonly<Record<string, string | undefined>> = process.env): ApiConfig {
  const config = loadConfig(ApiVariables, env);
  const { PUBLIC_URL = `http://${config.HOST}:${config.PORT}`, PACKS_DIR = ownPacks } = config;
  return { ...config, PUBLIC_URL: PUBLIC_URL.replace(/\/+$/, ''), packDirs: [PACKS_DIR, bundledPacks] };
}
