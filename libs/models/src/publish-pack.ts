/** How a new pack comes to be among the others: checked, hashed and whole, or not at all. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allNetworks } from './all-networks.ts';
import { openPack, packName, type ConsistentIdManifest } from './catalog.ts';
import { PackError } from './errors.ts';
import { packFiles, type PackFile } from './pack-files.ts';
import { sha256Of } from './pack-hashes.ts';
import { PackNetworks } from './pack-networks.ts';

export interface PublishOptions {
  /** Gives way to the new pack, where there is one of the name. */
  readonly replace?: boolean;
  /** Before a file is read whole for its hash. */
  readonly onFile?: (file: PackFile) => void;
}

/**
 * `fill` puts the files into an empty folder and says what they are. Every file is checked (that it can be trusted, and that keys and shapes
 * are those of the networks) before the pack appears in `packsFolder`.
 * @throws PackError, WeightError or ModelError with file, key or field
 */
export async function publishPack(
  packsFolder: string,
  name: string,
  { replace = false, onFile }: PublishOptions,
  fill: (staging: string) => Promise<ConsistentIdManifest>,
): Promise<ConsistentIdManifest> {
  await assertFree(packsFolder, name, { replace });
  const folder = join(packsFolder, name);
  const staging = join(packsFolder, `.${name}-${randomUUID()}`);
  await mkdir(staging, { recursive: true });
  try {
    const draft = await fill(staging);
    await check(staging, draft);
    const files: NonNullable<ConsistentIdManifest['files']> = {};
    for (const file of await packFiles(staging, draft)) {
      onFile?.(file);
      files[file.name] = { bytes: file.bytes, sha256: await sha256Of(join(staging, file.name)) };
    }
    const manifest = { ...draft, files };
    await writeFile(join(staging, 'pack.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const former = `${staging}-former`;
    if (replace && (await exists(folder))) await rename(folder, former);
    await rename(staging, folder).catch((cause: NodeJS.ErrnoException) => {
      throw cause.code === 'ENOTEMPTY' || cause.code === 'EEXIST' ? isTaken(packsFolder, name) : cause; // another process was faster
    });
    await rm(former, { recursive: true, force: true });
    return manifest;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

/** @throws PackError when the name is none for a pack, or one has it already */
export async function assertFree(packsFolder: string, name: string, { replace = false }: PublishOptions = {}): Promise<void> {
  if (!packName.test(name))
    throw new PackError(`"${name}" is no name for a pack: it takes small letters, digits, ".", "_" and "-", 64 at most.`, { pack: name });
  if (!replace && (await exists(join(packsFolder, name)))) throw isTaken(packsFolder, name);
}

const isTaken = (packsFolder: string, name: string) =>
  new PackError(`There is a pack ${name} already, at ${join(packsFolder, name)}.`, { pack: name, file: join(packsFolder, name) });

/** Opens every file and builds every network, without reading a weight. */
async function check(folder: string, manifest: ConsistentIdManifest): Promise<void> {
  const networks = new PackNetworks(await openPack(folder, manifest), { checkOnly: true });
  for await (const network of allNetworks(networks)) void network;
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
