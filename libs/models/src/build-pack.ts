/**
 * A pack built ahead: weights that cannot be used where they lie (LoRA to be merged, other precisions, unaligned tensors) are written to
 * the weights folder, from which every worker of the machine maps them. Their names follow from what they are made of.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allNetworks } from './all-networks.ts';
import type { ConsistentIdPack, Pack } from './catalog.ts';
import { PackNetworks, type BuildOptions } from './pack-networks.ts';

export interface BuildStep {
  readonly network: string;
  /** The files the network reads its weights from; none where it holds them itself. */
  readonly files: readonly string[];
  readonly seconds: number;
}

export interface BuildTarget {
  readonly weightsFolder: string;
  /** For which kind of device; default: `cpu`. */
  readonly dialect?: BuildOptions['dialect'];
}

/** Builds one network after another. What is there already is kept, so a build that was interrupted goes on. */
export async function* buildPack(pack: Pack, target: BuildTarget): AsyncGenerator<BuildStep> {
  const { manifest } = pack;
  const record: Record<string, number> = {};
  if (manifest.pipeline !== 'noop') {
    const networks = new PackNetworks({ ...pack, manifest } satisfies ConsistentIdPack, target);
    let begun = performance.now();
    for await (const network of allNetworks(networks)) {
      const files = 'path' in network ? [network.path] : network.externalFiles;
      for (const file of files) record[file] = (await stat(file)).size;
      yield { network: network.name, files, seconds: (performance.now() - begun) / 1000 };
      begun = performance.now();
    }
  }
  const at = recordOf(pack, target);
  await mkdir(target.weightsFolder, { recursive: true });
  const partial = `${at}.${randomUUID()}.partial`;
  await writeFile(partial, JSON.stringify(record));
  await rename(partial, at);
}

/** Whether a build of just this pack has ended and all it left is still there. */
export async function isBuilt(pack: Pack, target: BuildTarget): Promise<boolean> {
  if (pack.manifest.pipeline === 'noop') return true;
  const text = await readFile(recordOf(pack, target), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const sizes = Object.entries(JSON.parse(text) as Record<string, number>);
  const present = await Promise.all(
    sizes.map(([file, size]) =>
      stat(file).then(
        (found) => found.size === size,
        () => false,
      ),
    ),
  );
  return present.every(Boolean);
}

const recordOf = ({ manifest, digest }: Pack, { weightsFolder, dialect = 'cpu' }: BuildTarget) =>
  join(weightsFolder, `${manifest.name}-${dialect}-${digest.slice(0, 32)}.built.json`);
