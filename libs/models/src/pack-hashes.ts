import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Pack } from './catalog.ts';
import { PackError } from './errors.ts';
import { packFiles, type PackFile } from './pack-files.ts';

/** The hash of a file, read a little at a time. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Reads every file of a pack whose manifest says what it must be. @throws PackError naming the first that is another */
export async function* verifyFiles({ folder, manifest }: Pack): AsyncGenerator<PackFile> {
  if (manifest.pipeline === 'noop' || !manifest.files) return;
  for (const file of await packFiles(folder, manifest)) {
    const wanted = manifest.files[file.name]?.sha256;
    const found = await sha256Of(join(folder, file.name));
    if (found !== wanted) {
      const what = `${file.name} has the SHA-256 ${found}; the pack was made with ${wanted ?? 'no such file'}.`;
      throw new PackError(`Pack ${manifest.name}: ${what}`, { pack: manifest.name, file: join(folder, file.name) });
    }
    yield file;
  }
}
