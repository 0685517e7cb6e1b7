import { describe, expect, it } from 'vitest';
import { addTotals, closingLine, nothing, totalsOf } from './test-totals.ts';

const file = (status: string, ...tests: string[]) => ({
  name: 'a.spec.ts',
  status,
  assertionResults: tests.map((outcome) => ({ status: outcome })),
});

describe('the totals of a test run', () => {
  it('counts tests by their outcome, todo as skipped', () => {
    const report = { testResults: [file('failed', 'passed', 'skipped', 'todo', 'failed'), file('passed', 'passed')] };
    expect(totalsOf(report, 1)).toEqual({ passed: 2, failed: 1, skipped: 2 });
  });

  it('counts a file that could not be loaded as one failure', () => {
    expect(totalsOf({ testResults: [file('failed'), file('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('counts a failed set-up once, beside the tests it kept from running', () => {
    expect(totalsOf({ testResults: [file('failed', 'skipped', 'skipped')] }, 1)).toEqual({ passed: 0, failed: 1, skipped: 2 });
  });

  it('counts a runner that ended badly although every test passed', () => {
    expect(totalsOf({ testResults: [file('passed', 'passed')] }, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('counts a runner that left no report', () => {
    expect(totalsOf(undefined, 137)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe('the closing line', () => {
  it('names skipped tests only when there are some', () => {
    expect(closingLine({ passed: 12, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
    expect(closingLine({ passed: 12, failed: 1, skipped: 3 })).toBe('12 passed, 1 failed, 3 skipped');
  });

  it('is of the sum over the rungs', () => {
    expect([{ passed: 1, failed: 2, skipped: 3 }, nothing, { passed: 1, failed: 0, skipped: 1 }].reduce(addTotals)).toEqual({
      passed: 2,
      failed: 2,
      skipped: 4,
    });
  });
});
