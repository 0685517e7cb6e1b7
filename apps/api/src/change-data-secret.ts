/** Gives DATA_KEY_SECRET another value: wraps every data key anew, and ends. All other processes are stopped meanwhile (docs/operations.md). */
import { openDb } from '@likeness/platform/db';
import { createLogger } from '@likeness/platform/telemetry';
import { rewrapDataKeys } from './setup/rewrap-data-keys.ts';
import { readDataSecretConfig } from './setup/setup.config.ts';

const config = readDataSecretConfig();
const log = createLogger('change-data-secret', config.LOG_LEVEL);
const db = openDb(config.DATABASE_URL, { max: 1, name: 'likeness-change-data-secret' });
const keys = await rewrapDataKeys(db, config.FORMER_DATA_KEY_SECRET, config.DATA_KEY_SECRET, (done) => log.info({ done }, 'keys wrapped'));
await db.close();
log.info({ keys }, 'every data key is wrapped by the new secret');
