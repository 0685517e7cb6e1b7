import { describe, expect, it } from 'vitest';
import { hasS3, redisServer } from '../../libs/platform/src/testing/index.ts';
import { printReport } from './print-report.ts';
import { runFaults } from './run.ts';

const SEED = 20_261_124;

/** `npm run e2e:faults` for as long as a test may take, with faults that are over quickly. */
describe.runIf(redisServer !== undefined && hasS3)('a short run of faults', () => {
  it('breaks no invariant', async () => {
    const report = await runFaults({
      seed: SEED,
      minutes: 0.6,
      profile: 'distributed',
      only: ['kill', 'FLUSHALL', 'reply lost', 'crash', 'delivered twice', 'objects 500', 'SIGTERM worker'],
      say: (line) => console.log(line),
    });
    expect(report.violations, printReport(report)).toEqual([]);
    expect(report.jobs).toBeGreaterThan(5);
    expect(report.faults).toBeGreaterThan(2);
  });
});
