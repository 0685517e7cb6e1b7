/** What must hold for what is used again, and for what is to be gone. */
import { createHash } from 'node:crypto';
import { isTerminal, type Erasure, type GenerationStatus } from '@likeness/contracts';
import type { Change, ClientPerson, ErasureRow, GenerationRow, History, StageRow, SubjectRow } from './history.ts';
import { byId, ended, groupBy, idOf, lastFault, PATIENCE_MS, type Broken, type Check } from './invariant.ts';

/** By then a commit is seen by everybody, whatever its statement met on the way. */
const SEEN_MS = 5_000;

export const removalInvariants: Record<string, Check> = {
  *'what is used again is of the same subject'({ generations, stages, changes, erasures }) {
    const rows = byId(generations);
    const log = groupBy(
      changes.filter(({ of }) => of === 'stage'),
      ({ id }) => id,
    );
    const at = ({ id }: StageRow, to: string) => log.get(id)?.findLast((change) => change.to === to && change.from !== to)?.at ?? 0;
    const erasedAt = new Map(erasures.map(({ subjectId, startedAt }) => [subjectId, startedAt]));
    const done = stages.filter(({ status }) => status === 'succeeded');
    const alike = groupBy(done, ({ generationId, name }) => {
      const { subjectId = null, pack } = rows.get(generationId) ?? {};
      return subjectId === null ? '' : `${subjectId} ${pack} ${name}`;
    });
    for (const [of, group] of alike)
      for (const { generationId, name, cached, ...stage } of group) {
        const claimedAt = at({ generationId, name, cached, ...stage }, 'processing');
        const earlier = of === '' ? [] : group.filter((other) => !other.cached && at(other, 'succeeded') < claimedAt);
        const found = earlier.some((other) => at(other, 'succeeded') < claimedAt - SEEN_MS);
        if (cached && (name === 'sample' || earlier.length === 0))
          yield { generationId, what: `its ${name} is used again, of no earlier generation of its subject` };
        const wasThere = (erasedAt.get(rows.get(generationId)?.subjectId ?? '') ?? Infinity) > claimedAt;
        if (!cached && name !== 'sample' && found && wasThere) yield { generationId, what: `its ${name} was made again` };
      }
  },

  *'what was to be removed is removed, once'({ generations, changes, faults }) {
    const log = groupBy(
      changes.filter(({ of }) => of === 'generation'),
      ({ id }) => id,
    );
    const calm = lastFault(faults);
    for (const { id: generationId, removalRequestedAt, dataRemoved, content, sequence } of generations) {
      const mine = log.get(generationId) ?? [];
      const removals = mine.filter((change) => isTerminal(change.from as GenerationStatus) && change.from === change.to);
      if (!dataRemoved) {
        if (removalRequestedAt !== null) yield { generationId, what: 'was to be removed and is not' };
        continue;
      }
      if (removalRequestedAt === null) yield { generationId, what: 'was removed, and nobody had asked for it' };
      if (content.length > 0) yield { generationId, what: `is removed and still has its ${content.join(', ')}` };
      if (removals.length !== 1 || removals[0]?.sequence !== sequence)
        yield {
          generationId,
          what: `is removed at sequence ${sequence}; its removals were at ${removals.map((one) => one.sequence).join(', ') || 'none'}`,
        };
      const since = Math.max(calm, removalRequestedAt ?? 0, mine.find(ended)?.at ?? 0);
      const waited = (removals[0]?.at ?? since) - since;
      if (waited > PATIENCE_MS) yield { generationId, what: `took ${Math.round(waited / 1000)} s from the last fault to its removal` };
    }
  },

  *'an erasure is complete, and its receipt adds up'(history) {
    const subjects = byId(history.subjects);
    for (const erasure of history.erasures) {
      const { subjectId, completedAt, startedAt } = erasure;
      const which = `the erasure of ${subjectId}`;
      const waited = (completedAt ?? Infinity) - Math.max(lastFault(history.faults), startedAt);
      if (completedAt === null) yield { what: `${which} is not complete` };
      else if (waited > PATIENCE_MS) yield { what: `${which} took ${Math.round(waited / 1000)} s from the last fault` };
      const subject = subjects.get(subjectId);
      if (!subject?.erased) yield { what: `${which} has left the subject` };
      else yield* wrongErasure(history, erasure, subject);
    }
    for (const person of history.persons) yield* wrongReceipt(history, person, subjects);
  },

  *'nothing that was removed can be read'({ jobs, persons }) {
    for (const job of jobs)
      for (const { what, wanted, got } of job.afterwards)
        if (wanted !== got) yield { ...idOf(job), what: `after its removal ${what} should be answered with ${wanted}; got ${got}` };
    for (const { order, afterwards } of persons)
      for (const { what, wanted, got } of afterwards)
        if (wanted !== got) yield { what: `after the erasure of ${order} ${what} should be answered with ${wanted}; got ${got}` };
  },
};

/** Of the rows and the store. */
function* wrongErasure(
  { generations, objects, swept, changes }: History,
  { startedAt, subjectId }: ErasureRow,
  { tenantId, content }: SubjectRow,
): Generator<Broken> {
  if (content.length > 0) yield { what: `the erased subject ${subjectId} still has its ${content.join(', ')}` };
  const prefix = prefixOf(tenantId, subjectId);
  for (const key of [...objects, ...swept]) if (key.startsWith(prefix)) yield { what: `the object ${key} has outlived its subject` };
  for (const { id: generationId, status, dataRemoved } of generations.filter((row) => row.subjectId === subjectId)) {
    if (!dataRemoved) yield { generationId, what: `has outlived its subject ${subjectId}` };
    const isLater = ({ of, id, at }: Change) => of === 'generation' && id === generationId && at > startedAt;
    const end = changes.find((change) => isLater(change) && ended(change) && change.from !== change.to);
    if (end && status !== 'canceled' && status !== 'succeeded') yield { generationId, what: `was erased under way, and ended ${status}` };
  }
}

/** What its shop was told of an erasure. */
function* wrongReceipt(history: History, person: ClientPerson, subjects: ReadonlyMap<string, SubjectRow>): Generator<Broken> {
  const { order, made, erasures, receipt } = person;
  if (new Set(made).size > 1) yield { what: `the key of ${order} made ${[...new Set(made)].join(' and ')}` };
  if (new Set(erasures).size > 1) yield { what: `the erasure of ${order} has the receipts ${[...new Set(erasures)].join(' and ')}` };
  const subject = subjects.get(made[0] ?? '');
  if (erasures.length === 0 || !subject) return;
  const which = `the receipt of ${order}`;
  if (receipt?.id !== erasures[0] || receipt?.subject !== subject.id || receipt.status !== 'completed' || !receipt.data_key_destroyed)
    yield { what: `${which} says ${JSON.stringify(receipt && { ...receipt, object_keys_sha256: undefined })}` };
  else yield* wrongNumbers(history, receipt, subject, which);
}

function* wrongNumbers(history: History, receipt: Erasure, { id, tenantId }: SubjectRow, which: string): Generator<Broken> {
  const { removed, object_keys_sha256 } = receipt;
  const keys = new Set(object_keys_sha256);
  if (removed.objects !== keys.size || object_keys_sha256.length !== keys.size)
    yield { what: `${which} counts ${removed.objects} objects and names ${keys.size}` };
  const mine = history.generations.filter((row) => row.subjectId === id);
  // One that was removed for itself may have been so before.
  const own = new Set(history.jobs.filter((job) => job.removedAt !== null).flatMap((job) => job.accepted));
  const its = mine.filter((row) => !own.has(row.id));
  if (removed.generations < its.length || removed.generations > mine.length)
    yield { what: `${which} counts ${removed.generations} generations of ${its.length}` };
  const stages = history.stages.filter(({ status }) => status === 'succeeded');
  const reused = new Set(
    stages.filter(({ cached, generationId }) => cached && mine.some((row) => row.id === generationId)).map(({ name }) => name),
  );
  if (removed.cache_entries < reused.size) yield { what: `${which} counts ${removed.cache_entries} cache entries of ${reused.size}` };
  const least = 1 + removed.generations + removed.cache_entries;
  if (removed.rows < least) yield { what: `${which} counts ${removed.rows} rows of at least ${least}` };
  for (const key of [`${prefixOf(tenantId, id)}references/0`, ...its.flatMap((row) => pictureOf(row, stages))])
    if (!keys.has(createHash('sha256').update(key).digest('hex'))) yield { what: `${which} leaves out the object ${key}` };
}

const prefixOf = (tenantId: string, subjectId: string): string => `t/${tenantId}/subjects/${subjectId}/`;

/** The key of the first portrait; none, if it has not come to that. */
const pictureOf = ({ id, tenantId, subjectId }: GenerationRow, stages: readonly StageRow[]): string[] =>
  stages
    .filter(({ generationId, name }) => generationId === id && name === 'sample')
    .map(({ attempt }) => `${prefixOf(tenantId, subjectId ?? '')}${id}/sample/${attempt}/images-0`);
