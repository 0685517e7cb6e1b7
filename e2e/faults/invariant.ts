/** What invariants are made of. */
import { isTerminal, type GenerationStatus } from '@likeness/contracts';
import type { Change, ClientJob, FaultRecord, History } from './history.ts';

export interface Violation {
  readonly invariant: string;
  readonly what: string;
  /** Whose history shows it. */
  readonly generationId?: string;
}

export type Broken = Omit<Violation, 'invariant'>;
export type Check = (history: History) => Iterable<Broken>;

/** The longest time from the last fault, or a job's creation after it, to the job's end: tries with their waits, and a lost message. */
export const PATIENCE_MS = 120_000;

export const lastFault = (faults: readonly FaultRecord[]): number => Math.max(0, ...faults.map(({ to }) => to));
export const ended = ({ to }: Change): boolean => isTerminal(to as GenerationStatus);
export const idOf = ({ accepted: [id] }: ClientJob): Pick<Violation, 'generationId'> => (id === undefined ? {} : { generationId: id });
export const byId = <T extends { readonly id: string }>(rows: readonly T[]): Map<string, T> => new Map(rows.map((row) => [row.id, row]));

export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
