/**
 * Which device works here. The runtime's list of providers does not say: a library that is missing makes a session fail, a driver that
 * does not fit may take the process along. So a tiny graph is loaded and run in a process of its own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { executionProviders, type ExecutionProvider } from './execution-provider.ts';

/** A provider, or the best one that works here. */
export const devices = [...executionProviders, 'auto'] as const;
export type Device = (typeof devices)[number];

/** What `auto` tries, in this order; the CPU always works. */
const preferred = ['cuda', 'webgpu'] as const satisfies readonly ExecutionProvider[];

/** A GPU's first use compiles kernels; what takes longer than this hangs. */
const PROBE_MS = 60_000;

/** Null when a graph runs there, else why not. */
export async function whyNot(provider: ExecutionProvider): Promise<string | null> {
  const fromSource = import.meta.url.endsWith('.ts');
  const child = fork(new URL(fromSource ? './probe-child.ts' : './probe-child.js', import.meta.url), [provider], {
    execArgv: fromSource ? ['--conditions=source'] : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: PROBE_MS,
    killSignal: 'SIGKILL',
  });
  const [said, [code, signal]] = await Promise.all([text(child.stderr!), once(child, 'close') as Promise<[number | null, string | null]>]);
  if (code === 0) return null;
  return said.trim() || `the process ended with ${signal ?? `exit code ${code}`}`;
}

/** The device asked for; for `auto` the first that works. `notes` has the reasons against those before it. */
export async function chooseProvider(device: Device): Promise<{ readonly provider: ExecutionProvider; readonly notes: readonly string[] }> {
  if (device !== 'auto') return { provider: device, notes: [] };
  const notes: string[] = [];
  for (const provider of preferred) {
    const reason = await whyNot(provider);
    if (reason === null) return { provider, notes };
    notes.push(`${provider}: ${reason}`);
  }
  return { provider: 'cpu', notes };
}
