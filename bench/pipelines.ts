import { isTerminal, type GenerationList } from '@likeness/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import { withNoopStack, type Benchmark } from './benchmark.ts';

const ROUNDS = 5;
const JOBS = 200;
const AT_ONCE = 16;

/** Whole pipelines of three no-op stages per second, from the first request of a batch to the end of its last job. */
export const pipelines: Benchmark = (say) =>
  withNoopStack(async ({ client, upload }) => {
    const input = { reference_images: [upload], prompt: 'a person' };
    const runs: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const start = performance.now();
      let left = JOBS;
      const create = async () => {
        while (left-- > 0) await client.create(input);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, create));
      for (;;) {
        const { body } = await client.call<GenerationList>('GET', '/v1/generations?limit=100&status=queued');
        const working = await client.call<GenerationList>('GET', '/v1/generations?limit=100&status=processing');
        if ([...body.data, ...working.body.data].every(({ status }) => isTerminal(status))) break;
        await sleep(20);
      }
      const perSecond = JOBS / ((performance.now() - start) / 1000);
      if (round > 0) runs.push(perSecond); // the first round warms up
      say(`round ${round} of ${ROUNDS}: ${perSecond.toFixed(1)}/s`);
    }
    return { runs, unit: 'pipelines/s', parameters: { jobs: JOBS, clients: AT_ONCE, pack: 'noop', profile: 'embedded' } };
  });
