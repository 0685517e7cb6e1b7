import { loadConfig } from '@likeness/platform/config';
import { startWorker, WorkerConfig } from '@likeness/worker';
import { parseFace } from './parse-face.handler.ts';

await startWorker('parse', { 'parse-face': parseFace }, loadConfig(WorkerConfig, process.env));
