/** Where this machine keeps models, unless its environment says otherwise. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { bundledPacks } from '@likeness/models';

type Environment = Readonly<Record<string, string | undefined>>;

/** `PACKS_DIR`, by default `~/.local/share/likeness/packs`: the packs of one's own, which `likeness models add` and `pull` make. */
export const ownPacks = (env: Environment): string => env['PACKS_DIR'] || join(homedir(), '.local', 'share', 'likeness', 'packs');

/** Folders with packs in the order in which they are searched. */
export const packFolders = (env: Environment): readonly string[] => [ownPacks(env), bundledPacks];

/** `WEIGHTS_DIR`, by default `likeness/weights` in `$XDG_CACHE_HOME` or `~/.cache`: converted weights, which can be made again. */
export const weightsFolder = (env: Environment): string =>
  env['WEIGHTS_DIR'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'likeness', 'weights');
