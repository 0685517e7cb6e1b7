/** A pack's entries opened: the configuration of a network and where its weights are read from. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashWeights, merged, openCheckpoint, type WeightSource } from '@likeness/graph';
import { PackError, type CheckpointSource, type DrawnSource, type HashWeights, type NetworkSource, type Pack } from './catalog.ts';

export interface OpenNetwork {
  /** In the field names of the original configuration file. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: WeightSource;
}

/** @throws PackError with the file when it is missing or unreadable; WeightError `checkpoint_refused` when a file cannot be trusted */
export async function openNetwork(pack: Pack, source: NetworkSource): Promise<OpenNetwork> {
  if ('config' in source) return { config: source.config, weights: drawnWeights(source.weights) };
  const folder = join(pack.folder, source.folder);
  const config = await readJson(pack, join(folder, 'config.json'));
  return { config, weights: await folderWeights(pack, folder, source.variant) };
}

/** A single file, or weights by the hash rule. */
export function openWeights(pack: Pack, source: CheckpointSource | Pick<DrawnSource, 'weights'>): WeightSource {
  return 'file' in source ? openCheckpoint(join(pack.folder, source.file)) : drawnWeights(source.weights);
}

const drawnWeights = ({ hash, ...options }: HashWeights) => hashWeights(hash, options);

export async function readJson(pack: Pack, file: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch (cause) {
    throw new PackError(
      `Pack ${pack.manifest.name}: ${file} cannot be read: ${(cause as Error).message}`,
      { pack: pack.manifest.name, file },
      { cause },
    );
  }
}

/**
 * The weights of a diffusers or transformers folder: one file, or the parts that an index names. safetensors come before pickles;
 * with a variant only the files of that variant count.
 */
async function folderWeights(pack: Pack, folder: string, variant: string | undefined): Promise<WeightSource> {
  const present = new Set(await readdir(folder));
  const suffix = variant === undefined ? '' : `.${variant}`;
  for (const [stem, extension] of [
    ['diffusion_pytorch_model', 'safetensors'],
    ['model', 'safetensors'],
    ['diffusion_pytorch_model', 'bin'],
    ['pytorch_model', 'bin'],
  ] as const) {
    const single = `${stem}${suffix}.${extension}`;
    if (present.has(single)) return openCheckpoint(join(folder, single));
    const index = [`${stem}.${extension}.index${suffix}.json`, `${single}.index.json`].find((name) => present.has(name));
    if (index === undefined) continue;
    const { weight_map: map = {} } = (await readJson(pack, join(folder, index))) as { weight_map?: Record<string, string> };
    return merged(...[...new Set(Object.values(map))].map((part) => openCheckpoint(join(folder, part))));
  }
  throw new PackError(`Pack ${pack.manifest.name}: ${folder} has no weights${variant === undefined ? '' : ` of the variant ${variant}`}.`, {
    pack: pack.manifest.name,
    file: folder,
    present: [...present],
  });
}
