/** The model packs this installation has, as far as the API needs to know them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PackSummary } from '@likeness/contracts';

export interface InstalledPack extends PackSummary {
  readonly installedAt: Date;
}
export type Packs = ReadonlyMap<string, InstalledPack>;

/** Reads every `<dir>/<name>/pack.json`; a folder without one is no pack. @throws Error naming the file that is malformed */
export async function readPacks(dir: string): Promise<Packs> {
  const packs = new Map<string, InstalledPack>();
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const file = join(dir, entry.name, 'pack.json');
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (text !== undefined) packs.set(entry.name, { ...parsePack(file, text), installedAt: (await stat(file)).mtime });
  }
  return packs;
}

function parsePack(file: string, text: string): PackSummary {
  try {
    return PackSummary.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is malformed`, { cause });
  }
}
