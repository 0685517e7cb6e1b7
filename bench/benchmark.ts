import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../tools/stack/client.ts';
import { startReceiver, type Receiver } from '../tools/stack/demo.ts';
import { startStack, type Stack } from '../tools/stack/stack.ts';

export interface Result {
  /** The figure that the benchmark is named for, one value per run. */
  readonly runs: number[];
  readonly unit: string;
  readonly parameters: Record<string, unknown>;
  /** Further figures of the same runs. */
  readonly parts?: Record<string, number[]>;
}

export type Benchmark = (say: (line: string) => void) => Promise<Result>;

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? NaN;
}

/** The whole system with stages that do nothing, so that only the platform is measured. */
export async function withNoopStack<T>(
  work: (parts: { stack: Stack; client: Client; receiver: Receiver; upload: string }) => Promise<T>,
): Promise<T> {
  const data = await mkdtemp(join(tmpdir(), 'likeness-bench-'));
  const receiver = await startReceiver();
  const stack = await startStack({
    port: 0,
    data,
    pack: 'noop',
    workers: { parsing: 1, embedding: 1, diffusion: 1 },
    allowPrivateNetworks: undefined,
    rateLimit: 1_000_000,
    maxActive: 1_000_000,
    quota: undefined,
    databaseUrl: undefined,
    redisUrl: undefined,
    s3Url: undefined,
    exemptAddresses: [receiver.address],
  });
  try {
    const client = new Client(stack.url, stack.connection().api_key);
    const upload = await client.upload(await readFile(new URL('../samples/portrait.jpg', import.meta.url)));
    return await work({ stack, client, receiver, upload: upload.id });
  } finally {
    await stack.stop();
    await receiver.close();
    await rm(data, { recursive: true, force: true });
  }
}
