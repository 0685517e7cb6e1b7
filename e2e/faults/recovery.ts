/** How long the system took to be itself again, read from the history: pure. */
import { isTerminal, type GenerationStatus } from '@likeness/contracts';
import type { Change, ClientJob, ErasureRow, History } from './history.ts';
import { groupBy } from './invariant.ts';

export interface Recovery {
  readonly kind: string;
  readonly times: number;
  /** What was measured. */
  readonly until: string;
  /** Milliseconds; empty when nothing had to recover. */
  readonly took: readonly number[];
  readonly targetMs?: number;
}

/** What each kind is measured by. */
type Measure = 'taken over' | 'all recovered' | 'work flows';
const MEASURES: Record<string, { readonly until: Measure; readonly targetMs?: number }> = {
  'kill -9 worker': { until: 'taken over', targetMs: 15_000 },
  'SIGTERM worker': { until: 'taken over', targetMs: 15_000 },
  'freeze worker': { until: 'taken over' }, // by itself, where there is no other of its class
  zombie: { until: 'taken over', targetMs: 15_000 },
  'redis kill -9': { until: 'work flows', targetMs: 3_000 },
  'redis FLUSHALL': { until: 'all recovered', targetMs: 60_000 },
  'queue emptied': { until: 'all recovered', targetMs: 60_000 },
};

export function recoveries({ faults, changes, jobs, erasures }: History): Recovery[] {
  const stages = groupBy(
    changes.filter((change) => change.of === 'stage'),
    (change) => change.id,
  );
  const kinds = groupBy(faults, (fault) => fault.kind);
  const rows = [...kinds].map(([kind, records]): Recovery => {
    const { until, targetMs } = MEASURES[kind] ?? { until: 'work flows' };
    const took = records.flatMap((record) => {
      if (until === 'work flows') {
        const took = firstAfter(changes, record.to, (change) => change.of === 'stage' && change.to === 'processing');
        // What the next fault has held up is not this one's.
        return took.filter((ms) => !faults.some(({ from }) => from > record.to && from < record.to + ms));
      }
      const hit = (last: Change) =>
        until === 'taken over' ? last.to === 'processing' && last.workerId === record.workerId : last.to === 'queued';
      return slowest([...stages.values()].flatMap((log) => afterHit(log, record.from, hit)));
    });
    return { kind, times: records.length, until, took, ...(targetMs === undefined ? {} : { targetMs }) };
  });
  return [...rows.sort((a, b) => a.kind.localeCompare(b.kind)), canceled(jobs, changes), erased(erasures)];
}

/** From what a stage was at `from` to its next change; none when it was not hit. */
function afterHit(log: readonly Change[], from: number, hit: (last: Change) => boolean): number[] {
  const last = log.findLast((change) => change.at <= from);
  return last && hit(last) ? firstAfter(log, from, (change) => change.to !== 'queued') : [];
}

function firstAfter(changes: readonly Change[], from: number, wanted: (change: Change) => boolean): number[] {
  const next = changes.find((change) => change.at > from && wanted(change));
  return next ? [next.at - from] : [];
}

const slowest = (times: readonly number[]): number[] => (times.length === 0 ? [] : [Math.max(...times)]);

/** From a shop's cancel to the end of a job that was at work. */
function canceled(jobs: readonly ClientJob[], changes: readonly Change[]): Recovery {
  const logs = groupBy(
    changes.filter((change) => change.of === 'generation'),
    (change) => change.id,
  );
  const took = jobs.flatMap(({ accepted: [id], canceledAt }) => {
    if (id === undefined || canceledAt === null) return [];
    const log = logs.get(id) ?? [];
    const before = log.findLast((change) => change.at <= canceledAt);
    const end = log.find((change) => isTerminal(change.to as GenerationStatus));
    return before?.to === 'processing' && end?.to === 'canceled' && end.at >= canceledAt ? [end.at - canceledAt] : [];
  });
  return { kind: 'cancel of a job at work', times: took.length, until: 'slot free', took, targetMs: 1_000 };
}

/** Workers must have let go for longer than a lease before it is completed. */
const erased = (erasures: readonly ErasureRow[]): Recovery => ({
  kind: 'erasure of a subject',
  times: erasures.length,
  until: 'completed',
  took: erasures.flatMap(({ startedAt, completedAt }) => (completedAt === null ? [] : [completedAt - startedAt])),
});
