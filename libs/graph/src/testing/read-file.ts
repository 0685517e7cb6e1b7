/** Reads a file as a checkpoint or an ONNX file, in a process of its own, and prints what came of it and by how much the process grew, in bytes. */
import { readOnnx } from '../onnx/read-model.ts';
import { openCheckpoint } from '../weights/open-checkpoint.ts';

const [, , path = '', kind] = process.argv;
const peak = () => process.resourceUsage().maxRSS * 1024;
const before = peak();
const begun = performance.now();
let failure: { name: string; code: unknown; message: string } | undefined;
try {
  if (kind === 'onnx') readOnnx(path);
  else openCheckpoint(path).close();
} catch (error) {
  const { name, code, message } = error as Error & { code?: unknown };
  failure = { name, code, message };
}
console.log(JSON.stringify({ failure, growth: peak() - before, milliseconds: performance.now() - begun }));
