import { readFile } from 'node:fs/promises';
import { CliError } from './failure.ts';

/** The bytes of a picture that a flag names. @throws CliError `image_unreadable` */
export async function readPicture(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CliError('image_unreadable', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
