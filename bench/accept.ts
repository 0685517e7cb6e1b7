import { setTimeout as sleep } from 'node:timers/promises';
import { withNoopStack, type Benchmark } from './benchmark.ts';
import { cpuPerJob, cpuTimes } from './cpu-time.ts';

const RATE = 100;
const SECONDS = 20;

/** How long `POST /v1/generations` takes while 100 arrive each second, whatever the earlier ones do (open loop). */
export const accept: Benchmark = (say, options) =>
  withNoopStack(options, say, async ({ stack, client, upload, parameters }) => {
    const input = { reference_images: [upload], prompt: 'a person' };
    for (let i = 0; i < 50; i++) await client.create(input);
    say(`${RATE} requests/s for ${SECONDS} s`);
    const runs: number[] = [];
    const pending: Promise<void>[] = [];
    const cpu = cpuTimes(stack);
    const start = performance.now();
    for (let i = 0; i < RATE * SECONDS; i++) {
      const due = start + (i * 1000) / RATE;
      if (due > performance.now()) await sleep(due - performance.now());
      // Measured from when it was due: a late start counts as latency.
      pending.push(client.create(input).then(() => void runs.push(performance.now() - due)));
    }
    await Promise.all(pending);
    return {
      runs,
      unit: 'ms',
      parameters: { requests_per_second: RATE, seconds: SECONDS, ...parameters },
      parts: cpuPerJob(cpu, cpuTimes(stack), runs.length),
    };
  });
