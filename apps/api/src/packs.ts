/** The model packs this installation has, as far as the API needs to know them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PackSummary } from '@likeness/contracts';

export interface InstalledPack extends PackSummary {
  readonly installedAt: Date;
}
export type Packs = ReadonlyMap<string, InstalledPack>;

/** Reads every `<dir>/<name>/pack.json`, of equal names the first; a folder without one is no pack. @throws Error naming the file that is malformed */
export async function readPacks(dirs: readonly string[]): Promise<Packs> {
  const packs = new Map<string, InstalledPack>();
  for (const dir of dirs) {
    for (const name of await visibleNames(dir)) {
      const file = join(dir, name, 'pack.json');
      const text = packs.has(name) ? undefined : await readFile(file, 'utf8').catch(unlessMissing);
      if (text !== undefined) packs.set(name, { ...parsePack(file, text), installedAt: (await stat(file)).mtime });
    }
  }
  return packs;
}

/** A pack that is still being put together has a hidden name. */
const visibleNames = async (dir: string): Promise<string[]> =>
  ((await readdir(dir).catch(unlessMissing)) ?? []).filter((name) => !name.startsWith('.'));

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}

function parsePack(file: string, text: string): PackSummary {
  try {
    return PackSummary.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is malformed`, { cause });
  }
}
