import { Checkpoint } from './checkpoint.ts';
import { OpenFile } from './file-bytes.ts';
import { readSafetensors } from './safetensors.ts';

/**
 * Opens a checkpoint of whichever container: safetensors, torch's zip, or torch's format before 1.6. The content decides, not
 * the name. The whole structure is checked before this returns; values are read when asked for. Throws `checkpoint_refused`.
 */
export function openCheckpoint(path: string): Checkpoint {
  const file = new OpenFile(path);
  try {
    return new Checkpoint(file, readSafetensors(file));
  } catch (error) {
    file.close();
    throw error;
  }
}
