import { readWorkerConfig, startWorker } from '@likeness/worker';
import { parseFace } from './parse-face.handler.ts';

await startWorker(['parse'], { 'parse-face': parseFace }, readWorkerConfig());
