import { readWorkerConfig, startWorker } from '@likeness/worker';
import { samplePortrait } from './sample-portrait.handler.ts';

await startWorker(['sample'], { 'sample-portrait': samplePortrait }, readWorkerConfig());
