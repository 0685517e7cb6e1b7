/** The three worker classes side by side in one process: for a small machine, and for measuring the platform without its processes. */
import { readWorkerConfig, startWorker } from '@likeness/worker';
import { samplePortrait } from '../../apps/diffusion-worker/src/sample-portrait.handler.ts';
import { embedIdentity } from '../../apps/embedding-worker/src/embed-identity.handler.ts';
import { parseFace } from '../../apps/parsing-worker/src/parse-face.handler.ts';

const handlers = { 'parse-face': parseFace, 'embed-identity': embedIdentity, 'sample-portrait': samplePortrait };

await startWorker(['parse', 'embed', 'sample'], handlers, readWorkerConfig());
