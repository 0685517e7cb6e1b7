/** A run's report as text. */
import type { History } from './history.ts';
import type { Report } from './run.ts';

export function printReport({
  seed,
  profile,
  minutes,
  jobs,
  ends,
  claims,
  webhooks,
  faults,
  recoveries,
  violations,
  logs,
  history,
}: Report): string {
  const outcomes = Object.entries(ends).map(([status, count]) => `${count} ${status}`);
  const lines = [
    '',
    `seed ${seed}, profile ${profile}, ${minutes} min: ${jobs} jobs (${outcomes.join(', ')}), ${claims} claims, ${webhooks} webhook calls, ${faults} faults`,
    '',
    `${'fault'.padEnd(28)} ${'times'.padStart(5)}  ${'measured until'.padEnd(14)} ${'median'.padStart(9)} ${'longest'.padStart(9)} ${'target'.padStart(9)}`,
    ...recoveries.map(({ kind, times, until, took, targetMs }) => {
      const sorted = [...took].sort((a, b) => a - b);
      const cells = [sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1), targetMs].map((ms) => inSeconds(ms).padStart(9));
      return `${kind.padEnd(28)} ${String(times).padStart(5)}  ${until.padEnd(14)} ${cells.join(' ')}`;
    }),
    '',
  ];
  if (violations.length === 0) return [...lines, 'no invariant broken'].join('\n');
  return [...lines, ...brokenLines({ seed, violations, history }), `logs and history.json: ${logs}`].join('\n');
}

const inSeconds = (ms: number | undefined): string => (ms === undefined ? '–' : `${(ms / 1_000).toFixed(2)} s`);
/** More histories than this help nobody. */
const MOST_HISTORIES = 5;

function brokenLines({ seed, violations, history }: Pick<Report, 'seed' | 'violations' | 'history'>): string[] {
  const lines = violations.map(
    ({ invariant, what, generationId }) => `BROKEN (seed ${seed}): ${invariant}: ${generationId ?? 'the system'} ${what}`,
  );
  const ids = [...new Set(violations.flatMap(({ generationId }) => generationId ?? []))].slice(0, MOST_HISTORIES);
  return [...lines, ...ids.flatMap((id) => ['', `history of ${id}:`, ...historyOf(id, history)])];
}

/** Everything that happened to a job, in order, with the faults in between. */
function historyOf(id: string, { changes, jobs, receipts, faults }: History): string[] {
  const mine = changes.filter((change) => change.generationId === id);
  const job = jobs.find(({ accepted }) => accepted.includes(id));
  const first = mine[0]?.at ?? 0;
  const last = Math.max(first, ...mine.map(({ at }) => at), ...(job?.seen.map(({ at }) => at) ?? []));
  const moments = [
    ...mine.map(({ at, of, from, to, sequence, attempt, workerId }) => {
      const rest = of === 'generation' ? `sequence ${sequence}` : `attempt ${attempt}${workerId ? ` by ${workerId}` : ''}`;
      return { at, text: `${of} ${from ?? ''} → ${to}, ${rest}` };
    }),
    ...(job?.seen ?? []).map(({ at, status, sequence }) => ({ at, text: `the shop sees ${status}, sequence ${sequence}` })),
    ...receipts.flatMap(({ at, data, webhookId, answer }) =>
      data.id === id ? [{ at, text: `webhook ${webhookId} ${data.status}: ${answer}` }] : [],
    ),
    ...faults.flatMap(({ from, to, kind, target }) =>
      to >= first - 1_000 && from <= last ? [{ at: from, text: `FAULT ${kind} · ${target}, for ${to - from} ms` }] : [],
    ),
  ];
  return moments.sort((a, b) => a.at - b.at).map(({ at, text }) => `  ${String(at - first).padStart(7)} ms  ${text}`);
}
