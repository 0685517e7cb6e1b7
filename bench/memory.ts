import { readFile } from 'node:fs/promises';

/** What a process holds, in MiB (Linux): its peak, what it holds now, and its share of that when pages held by n processes count 1/n each. */
export async function memoryOf(pid: number): Promise<Record<'peak' | 'resident' | 'proportional', number>> {
  const [status, smaps] = await Promise.all(['status', 'smaps_rollup'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')));
  const mib = (text: string, field: string) => Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024);
  return { peak: mib(status!, 'VmHWM'), resident: mib(status!, 'VmRSS'), proportional: mib(smaps!, 'Pss') };
}
