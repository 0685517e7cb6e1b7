import { homedir } from 'node:os';
import { join } from 'node:path';
import { ownPacks, packFolders, weightsFolder } from '@likeness/pipeline';

/** Where the command line keeps what it remembers: `$XDG_CONFIG_HOME/likeness`, by default `~/.config/likeness`. */
export const configFolder = (): string => join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'likeness');

/** The pack of commands that name none. */
export const DEFAULT_PACK = 'sketch';

/** Folders with packs, and where a new one goes: see `packFolders` and `ownPacks`. */
export const packDirs = (): readonly string[] => packFolders(process.env);
export const newPacksFolder = (): string => ownPacks(process.env);

/** Where converted weights are kept, for this command line and for workers on this machine. */
export const convertedWeights = (): string => weightsFolder(process.env);

/** The server and key that the environment names, for `likeness jobs` in a container or a script. */
export const serverOfEnvironment = () => ({ url: process.env['LIKENESS_URL'], api_key: process.env['LIKENESS_API_KEY'] });
