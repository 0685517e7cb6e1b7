/** Pictures that have been made, by what they were made of: what an evaluation that was cut off, or another table, need not make again. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packFiles, sha256Of, type Pack } from '@likeness/models';

export interface StoredPicture {
  /** In the folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** False: it was there. */
  readonly isNew: boolean;
}

export class PictureStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async isEmpty(): Promise<boolean> {
    const names = await readdir(this.folder).catch(() => []);
    return !names.some((name) => name.endsWith('.png'));
  }

  /** The PNG of this very recipe; made and kept when there is none. A file appears whole or not at all. */
  async get(recipe: object, make: () => Promise<Uint8Array>): Promise<StoredPicture> {
    const name = `${createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 24)}.png`;
    const file = join(this.folder, name);
    const kept = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (kept) return { name, bytes: kept, isNew: false };
    const bytes = await make();
    await mkdir(this.folder, { recursive: true });
    const unfinished = join(this.folder, `.${name}.${process.pid}`);
    await writeFile(unfinished, bytes);
    await rename(unfinished, file);
    return { name, bytes, isNew: true };
  }
}

/** A hash of everything in a pack. Its digest is of names and sizes alone, and a pack that was trained again has the same ones. */
export async function contentsOf({ folder, manifest }: Pack): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(manifest));
  const files = (await packFiles(folder, manifest)).map(({ name }) => name).sort();
  for (const name of files) hash.update(`\n${name} ${await sha256Of(join(folder, name))}`);
  return hash.digest('hex');
}
