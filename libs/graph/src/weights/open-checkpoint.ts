import { Checkpoint, type StoredTensor } from './checkpoint.ts';
import { refuse } from './errors.ts';
import { OpenFile } from './file-bytes.ts';
import { readSafetensors } from './safetensors.ts';
import { isLegacyStart, legacyStartLength, readTorchLegacy, readTorchZip } from './torch-archive.ts';

/**
 * Opens a checkpoint of whichever container: safetensors, torch's zip, or torch's format before 1.6. The content decides, not
 * the name. The whole structure is checked before this returns; values are read when asked for. Throws `checkpoint_refused`.
 */
export function openCheckpoint(path: string): Checkpoint {
  const file = new OpenFile(path);
  try {
    return new Checkpoint(file, readTensors(file));
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Whether a file begins as a container of tensors does; another may be an ONNX model. Throws `checkpoint_refused` where it cannot be read. */
export function isCheckpoint(path: string): boolean {
  const file = new OpenFile(path);
  try {
    return readerOf(startOf(file)) !== undefined;
  } finally {
    file.close();
  }
}

function readTensors(file: OpenFile): Map<string, StoredTensor> {
  const start = startOf(file);
  const read = readerOf(start);
  if (read) return read(file);
  throw refuse(
    file.path,
    '',
    `is neither a safetensors file nor one of torch; it begins with ${JSON.stringify(new TextDecoder('latin1').decode(start))}`,
  );
}

const startOf = (file: OpenFile): Uint8Array => file.bytes(0, Math.min(file.size, legacyStartLength), 'start');

function readerOf(start: Uint8Array): ((file: OpenFile) => Map<string, StoredTensor>) | undefined {
  const begins = (...bytes: number[]) => bytes.every((byte, i) => start[i] === byte);
  if (start[8] === 0x7b) return readSafetensors; // the JSON header's brace after eight bytes of length
  if (begins(0x50, 0x4b, 0x03, 0x04)) return readTorchZip;
  return isLegacyStart(start) ? readTorchLegacy : undefined;
}
