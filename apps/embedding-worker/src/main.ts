import { loadConfig } from '@likeness/platform/config';
import { startWorker, WorkerConfig } from '@likeness/worker';
import { embedIdentity } from './embed-identity.handler.ts';

await startWorker('embed', { 'embed-identity': embedIdentity }, loadConfig(WorkerConfig, process.env));
