import { commonVariables, linkVariables, loadConfig, variable } from '@likeness/platform/config';
import { createSigner } from '@likeness/platform/links';
import type { Links } from '@likeness/generation';
import { z } from 'zod';

/** It removes objects, but reads none. */
const { DATA_KEY_SECRET: _secret, DEFAULT_PACK: _pack, PACKS_DIR: _dir, ...common } = commonVariables;

export const DispatcherConfig = z.object({
  ...common,
  ...linkVariables,
  PUBLIC_URL: variable(z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:4000'), {
    description: 'as in the API: the start of the links in webhooks',
  }),
  WEBHOOK_CONCURRENCY: variable(z.coerce.number().int().min(1).max(256).default(16), { description: 'webhooks under way at once' }),
  RECONCILE_SECONDS: variable(z.coerce.number().min(0.1).max(60).default(5), {
    description: 'how often lost workers, deadlines and forgotten messages are looked for',
  }),
});
export type DispatcherConfig = z.infer<typeof DispatcherConfig>;

/** @throws ConfigError naming every variable that is missing or wrong */
export const readDispatcherConfig = (env: Readonly<Record<string, string | undefined>> = process.env): DispatcherConfig =>
  loadConfig(DispatcherConfig, env);

export const linksOf = ({ PUBLIC_URL, SIGNING_SECRET, ARTIFACT_URL_SECONDS }: DispatcherConfig): Links => {
  const publicUrl = PUBLIC_URL.replace(/\/+$/, '');
  return { publicUrl, signer: createSigner(SIGNING_SECRET, publicUrl), seconds: ARTIFACT_URL_SECONDS };
};
