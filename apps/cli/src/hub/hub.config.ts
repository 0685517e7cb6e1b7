/** How the hub is reached and where its files are kept, by the variables that its Python library reads. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HubCache } from './hub-cache.ts';
import type { HubOptions } from './hub.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `HF_ENDPOINT`; `HF_TOKEN`, else the token that `hf auth login` kept; `HF_HUB_CACHE`, else `hub` in `HF_HOME`, by default
 * `~/.cache/huggingface`; `HF_HUB_OFFLINE`.
 */
export async function hubOptions(env: Environment = process.env): Promise<HubOptions> {
  const home = env['HF_HOME'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'huggingface');
  const kept = await readFile(env['HF_TOKEN_PATH'] || join(home, 'token'), 'utf8').catch(() => '');
  const token = env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN'] || kept.trim();
  return {
    endpoint: env['HF_ENDPOINT'] || 'https://huggingface.co',
    ...(token && { token }),
    cache: new HubCache(env['HF_HUB_CACHE'] || env['HUGGINGFACE_HUB_CACHE'] || join(home, 'hub')),
    offline: ['1', 'true', 'yes', 'on'].includes((env['HF_HUB_OFFLINE'] ?? '').toLowerCase()),
  };
}
