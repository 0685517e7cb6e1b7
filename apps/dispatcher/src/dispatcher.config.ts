import { commonVariables, loadConfig, variable } from '@likeness/platform/config';
import { z } from 'zod';

/** It removes objects, but reads none. */
const { DATA_KEY_SECRET: _secret, DEFAULT_PACK: _pack, PACKS_DIR: _dir, ...common } = commonVariables;

export const DispatcherConfig = z.object({
  ...common,
  WEBHOOK_CONCURRENCY: variable(z.coerce.number().int().min(1).max(256).default(16), { description: 'webhooks under way at once' }),
  RECONCILE_SECONDS: variable(z.coerce.number().min(0.1).max(60).default(5), {
    description: 'how often lost workers, deadlines and forgotten messages are looked for',
  }),
});
export type DispatcherConfig = z.infer<typeof DispatcherConfig>;

/** @throws ConfigError naming every variable that is missing or wrong */
export const readDispatcherConfig = (env: Readonly<Record<string, string | undefined>> = process.env): DispatcherConfig =>
  loadConfig(DispatcherConfig, env);
