import { commonVariables, loadConfig, variable } from '@likeness/platform/config';
import { parseApiKey } from '@likeness/platform/keys';
import { z } from 'zod';

const key = z
  .string()
  .refine((text) => parseApiKey(text) !== null, 'an API key is "lk_", 26 characters, "_" and 43 characters')
  .optional();
const { DATABASE_URL, LOG_LEVEL, DATA_KEY_SECRET } = commonVariables;

/** What the setup reads. `docs/configuration.md` is written from it. */
export const SetupVariables = z.object({
  DATABASE_URL,
  LOG_LEVEL,
  LIKENESS_API_KEY: variable(key, { description: 'a key of the default tenant, with every scope but `admin`', secret: true }),
  LIKENESS_ADMIN_KEY: variable(key, { description: 'a key of the default tenant, with every scope', secret: true }),
  LIKENESS_METRICS_KEY: variable(key, {
    description: 'a key of the default tenant without any scope: reads `/metrics` and `/v1/queue`, for Prometheus and the autoscaler',
    secret: true,
  }),
  LIKENESS_WEBHOOK_SECRET: variable(
    z
      .string()
      .regex(/^whsec_[A-Za-z0-9+/]{22,}={0,2}$/, 'a webhook secret is "whsec_" and at least 16 bytes in base64')
      .optional(),
    { description: 'signs the webhooks of the default tenant from its first day; later ones are made by rotating it', secret: true },
  ),
});

/** @throws ConfigError naming every variable that is missing or wrong */
export const readSetupConfig = (env: Readonly<Record<string, string | undefined>> = process.env): z.infer<typeof SetupVariables> =>
  loadConfig(SetupVariables, env);

/** What the change of DATA_KEY_SECRET reads. */
export const DataSecretVariables = z.object({
  DATABASE_URL,
  LOG_LEVEL,
  DATA_KEY_SECRET,
  FORMER_DATA_KEY_SECRET: variable(z.string().min(32), {
    description: 'wraps the keys now; `DATA_KEY_SECRET` is the one that takes its place',
    secret: true,
  }),
});

/** @throws ConfigError naming every variable that is missing or wrong */
export const readDataSecretConfig = (
  env: Readonly<Record<string, string | undefined>> = process.env,
): z.infer<typeof DataSecretVariables> => loadConfig(DataSecretVariables, env);
