/** Brings the database up to date, makes the default tenant and the keys that the environment names, and ends. Runs before every new version; twice does no harm. */
import { migrate, openDb } from '@likeness/platform/db';
import { createLogger } from '@likeness/platform/telemetry';
import { seedDefaultTenant } from './setup/default-tenant.ts';
import { readSetupConfig } from './setup/setup.config.ts';

const config = readSetupConfig();
const log = createLogger('setup', config.LOG_LEVEL);
const applied = await migrate(config.DATABASE_URL);
log.info({ applied }, applied.length === 0 ? 'the database is up to date' : 'the database was brought up to date');

const db = openDb(config.DATABASE_URL, { max: 1, name: 'likeness-setup' });
await seedDefaultTenant(db, {
  apiKey: config.LIKENESS_API_KEY,
  adminKey: config.LIKENESS_ADMIN_KEY,
  metricsKey: config.LIKENESS_METRICS_KEY,
  webhookSecret: config.LIKENESS_WEBHOOK_SECRET,
});
await db.close();
log.info('the default tenant is there');
