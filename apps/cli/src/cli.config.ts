import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the command line keeps what it remembers: `$XDG_CONFIG_HOME/likeness`, by default `~/.config/likeness`. */
export const configFolder = (): string => join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'likeness');

/** Where it keeps what it can make again, such as converted weights: `$XDG_CACHE_HOME/likeness`, by default `~/.cache/likeness`. */
export const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'likeness');
