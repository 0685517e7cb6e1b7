/** The HTTP edge of Likeness: accepts jobs, tells about them, hands out what they made. */
import { onShutdown } from '@likeness/platform/service';
import { createLogger } from '@likeness/platform/telemetry';
import { readApiConfig } from './api.config.ts';
import { createApi } from './create-api.ts';

const config = readApiConfig();
const log = createLogger('api', config.LOG_LEVEL);
const app = await createApi(config, log);
onShutdown(log, [{ name: 'the API', run: () => app.close(), limitMs: 10_000 }]);
await app.listen(config.PORT, config.HOST);
log.info({ url: await app.getUrl(), public_url: config.PUBLIC_URL }, 'listening');
