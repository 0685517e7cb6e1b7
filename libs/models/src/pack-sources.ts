/** A pack's entries opened: the configuration of a network and where its weights are read from. */
import { join } from 'node:path';
import { hashWeights, openCheckpoint, sharded, withoutPrefix, type WeightSource } from '@likeness/graph';
import type { CheckpointSource, DrawnSource, HashWeights, NetworkSource, Pack } from './catalog.ts';
import { findWeights, readJsonFile, realFolder } from './pack-files.ts';
import { openPart } from './single-file.ts';

export interface OpenNetwork {
  /** In the field names of the original configuration file. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: WeightSource;
}

/** @throws PackError with the file when it is missing or unreadable; WeightError `checkpoint_refused` when a file cannot be trusted */
export async function openNetwork(pack: Pack, source: NetworkSource): Promise<OpenNetwork> {
  if ('config' in source) return { config: source.config, weights: openWeights(pack, source) };
  if ('part' in source) return openPart(unwrapped(openCheckpoint(join(pack.folder, source.file))), source.part);
  const folder = await realFolder(join(pack.folder, source.folder));
  const config = await readJsonFile(join(folder, 'config.json'));
  return { config, weights: await folderWeights(folder, source.variant) };
}

/** A single file, without what a trainer put around its state dict, or weights by the hash rule. */
export function openWeights(pack: Pack, source: CheckpointSource | Pick<DrawnSource, 'weights'>): WeightSource {
  return 'file' in source ? unwrapped(openCheckpoint(join(pack.folder, source.file))) : drawnWeights(source.weights);
}

const drawnWeights = ({ hash, ...options }: HashWeights) => hashWeights(hash, options);

async function folderWeights(folder: string, variant: string | undefined): Promise<WeightSource> {
  const { index, files } = await findWeights(folder, variant);
  if (!index) return openCheckpoint(join(folder, files[0]!));
  const parts = new Map(files.map((name) => [name, openCheckpoint(join(folder, name))]));
  return sharded(join(folder, index.name), new Map([...index.owners].map(([key, name]) => [key, parts.get(name)!])));
}

/** The state dict of a trainer's file: Lightning keeps it beside the optimiser's state, data-parallel training names it "module". */
export function unwrapped(source: WeightSource): WeightSource {
  let inner = source;
  if (inner.keys?.some((key) => key.startsWith('state_dict.'))) inner = withoutPrefix(inner, 'state_dict.');
  if (inner.keys?.length && inner.keys.every((key) => key.startsWith('module.'))) inner = withoutPrefix(inner, 'module.');
  return inner;
}
