/** The words after `npm start --`: an interface (see README), so a bad word ends with a sentence and exit code 2. */
import { parseArgs } from 'node:util';

export interface StartOptions {
  /** Exit after the main job. */
  readonly once: boolean;
  /** Run the main job before serving. */
  readonly demo: boolean;
  /** 0 = any free port. */
  readonly port: number;
  readonly data: string;
  readonly pack: string;
  readonly image: string | undefined;
  readonly prompt: string;
  readonly seed: number | undefined;
  /** Processes per worker class. */
  readonly workers: { readonly parsing: number; readonly embedding: number; readonly diffusion: number };
  readonly allowPrivateNetworks: string | undefined;
  readonly rateLimit: number;
  readonly maxActive: number;
  readonly quota: number | undefined;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly s3Url: string | undefined;
}

export class UsageError extends Error {}

const WORKER_WORDS = { parse: 'parsing', embed: 'embedding', sample: 'diffusion' } as const;

export function parseStartOptions(args: readonly string[]): StartOptions {
  const { values } = parse(args);
  const whole = (flag: string, text: string | undefined, min: number, max: number): number | undefined => {
    if (text === undefined) return undefined;
    if (!/^\d+$/.test(text) || Number(text) < min || Number(text) > max)
      throw new UsageError(`--${flag} takes a whole number from ${min} to ${max}; got "${text}"`);
    return Number(text);
  };
  const workers = { parsing: 1, embedding: 1, diffusion: 1 };
  for (const part of values.workers?.split(',') ?? []) {
    const [word = '', count] = part.split('=');
    if (!(word in WORKER_WORDS)) throw new UsageError(`--workers takes parse=N,embed=N,sample=N; got "${part}"`);
    workers[WORKER_WORDS[word as keyof typeof WORKER_WORDS]] = whole('workers', count ?? '', 0, 64) ?? 1;
  }
  if (values.once && values['no-demo']) throw new UsageError('--once runs the main job, --no-demo leaves it out: give one of them');
  return {
    once: values.once ?? false,
    demo: !(values['no-demo'] ?? false),
    port: whole('port', values.port, 0, 65_535) ?? 4000,
    data: values.data ?? '.likeness',
    pack: values.pack ?? 'sketch',
    image: values.image,
    prompt: values.prompt ?? 'a person wearing a santa hat',
    seed: whole('seed', values.seed, 0, 2 ** 32 - 1),
    workers,
    allowPrivateNetworks: values['allow-private-networks'],
    rateLimit: whole('rate-limit', values['rate-limit'], 1, 1_000_000) ?? 600,
    maxActive: whole('max-active', values['max-active'], 1, 1_000_000) ?? 1000,
    quota: whole('quota', values.quota, 0, 1_000_000_000),
    databaseUrl: values['database-url'],
    redisUrl: values['redis-url'],
    s3Url: values['s3-url'],
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        once: flag,
        'no-demo': flag,
        port: text,
        data: text,
        pack: text,
        image: text,
        prompt: text,
        seed: text,
        workers: text,
        'allow-private-networks': text,
        'rate-limit': text,
        'max-active': text,
        quota: text,
        'database-url': text,
        'redis-url': text,
        's3-url': text,
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
