import { loadConfig } from '@likeness/platform/config';
import { startWorker, WorkerConfig } from '@likeness/worker';
import { samplePortrait } from './sample-portrait.handler.ts';

await startWorker('sample', { 'sample-portrait': samplePortrait }, loadConfig(WorkerConfig, process.env));
