/** A thread that draws its part of a data set and tells of each person. */
import { parentPort, workerData } from 'node:worker_threads';
import { drawPeople, type DrawingPart } from './dataset.ts';

await drawPeople(workerData as DrawingPart, (entries) => parentPort!.postMessage(entries));
