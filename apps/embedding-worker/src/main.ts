import { readWorkerConfig, startWorker } from '@likeness/worker';
import { embedIdentity } from './embed-identity.handler.ts';

await startWorker(['embed'], { 'embed-identity': embedIdentity }, readWorkerConfig());
