/** What must hold in every history, whatever went wrong in it: one function per promise, pure, each naming what broke it. */
import { isTerminal, type GenerationStatus, type StageName } from '@likeness/contracts';
import { removalInvariants } from './check-removal.ts';
import type { Change, GenerationRow, History, Receipt } from './history.ts';
import { byId, ended, groupBy, idOf, lastFault, PATIENCE_MS, type Broken, type Check, type Violation } from './invariant.ts';

const STAGES: readonly StageName[] = ['parse', 'embed', 'sample'];

export function checkHistory(history: History): Violation[] {
  return Object.entries(INVARIANTS).flatMap(([invariant, check]) => [...check(history)].map((broken) => ({ invariant, ...broken })));
}

const INVARIANTS: Record<string, Check> = {
  ...removalInvariants,

  *'every 202 reaches exactly one terminal state'({ jobs, generations, changes }) {
    const rows = byId(generations);
    const ends = groupBy(
      changes.filter((change) => change.of === 'generation' && ended(change) && !isTerminal(change.from as GenerationStatus)),
      (change) => change.id,
    );
    for (const id of new Set([...jobs.flatMap((job) => job.accepted), ...rows.keys()])) {
      const row = rows.get(id);
      const times = ends.get(id)?.length ?? 0;
      if (!row) yield { generationId: id, what: `was accepted and is not in the database` };
      else if (!isTerminal(row.status)) yield { generationId: id, what: `is still ${row.status}` };
      else if (times !== 1) yield { generationId: id, what: `reached a terminal state ${times} times` };
    }
  },

  *'a terminal state never changes'({ jobs, generations, changes }) {
    for (const change of changes)
      if (change.of === 'generation' && isTerminal(change.from as GenerationStatus) && change.from !== null && change.from !== change.to)
        yield { generationId: change.id, what: `went from ${change.from} to ${change.to}` };
    const rows = byId(generations);
    for (const job of jobs) {
      const end = job.seen.find(({ status }) => isTerminal(status));
      const others = end ? job.seen.slice(job.seen.indexOf(end)).filter(({ status }) => status !== end.status) : [];
      const row = rows.get(job.accepted[0] ?? '');
      if (end && row && row.status !== end.status) yield { generationId: row.id, what: `was told as ${end.status} and is ${row.status}` };
      for (const { status } of others) yield { ...idOf(job), what: `was told as ${end?.status}, then as ${status}` };
    }
  },

  *'a result is committed once, by the attempt that claimed it'({ generations, stages, artifacts, changes }) {
    const ofStage = groupBy(
      changes.filter((change) => change.of === 'stage'),
      (change) => change.id,
    );
    for (const { id, generationId, name, status, attempt, cached } of stages) {
      const log = ofStage.get(id) ?? [];
      const commits = log.filter((change) => change.to === 'succeeded' && change.from !== 'succeeded');
      if (commits.length > 1) yield { generationId, what: `the stage ${name} was committed ${commits.length} times` };
      const claims = log.filter(isClaim);
      for (const [i, claim] of claims.entries())
        if (claim.attempt !== i + 1) yield { generationId, what: `claim ${i + 1} of the stage ${name} got the attempt ${claim.attempt}` };
      for (const commit of commits) {
        const claim = claims.at(-1);
        if (commit.attempt !== claim?.attempt || commit.workerId !== claim?.workerId)
          yield {
            generationId,
            what: `the stage ${name} was claimed as attempt ${claim?.attempt} by ${claim?.workerId}, and committed as ${commit.attempt} by ${commit.workerId}`,
          };
      }
      if (status !== 'succeeded') continue;
      for (const { objectKey } of artifacts.filter((artifact) => artifact.generationId === generationId && artifact.stage === name)) {
        const [stage, by] = objectKey.split('/').slice(-3);
        if (!cached && stage === name && Number(by) !== attempt)
          yield { generationId, what: `attempt ${attempt} of the stage ${name} committed the object ${objectKey} of attempt ${by}` };
      }
    }
    const stagesOf = groupBy(stages, (stage) => stage.generationId);
    for (const { id, status } of generations) {
      const done = (stagesOf.get(id) ?? []).filter((stage) => stage.status === 'succeeded').map((stage) => stage.name);
      if (status === 'succeeded' && STAGES.some((name) => done.filter((other) => other === name).length !== 1))
        yield { generationId: id, what: `has succeeded with the stages ${done.join(', ') || 'none'}` };
    }
  },

  *'sequences rise without gap or repeat'({ jobs, generations, events, changes }) {
    const eventsOf = groupBy(events, (event) => event.generationId);
    for (const { id, sequence, dataRemoved } of generations) {
      // Its removal is no event of the generation, and raises its sequence.
      const numbers = (eventsOf.get(id) ?? []).map((event) => event.sequence);
      if (numbers.length !== (dataRemoved ? sequence - 1 : sequence) || numbers.some((number, i) => number !== i + 1))
        yield { generationId: id, what: `is at sequence ${sequence} and has the events ${numbers.join(' ')}` };
    }
    const last = new Map<string, number>();
    for (const { of, id, sequence } of changes) {
      if (of !== 'generation' || sequence === null) continue;
      const before = last.get(id) ?? 0;
      // One change may be several events, of which each has a number.
      if (sequence <= before) yield { generationId: id, what: `went from sequence ${before} to ${sequence}` };
      last.set(id, sequence);
    }
    for (const job of jobs)
      for (const [i, { sequence }] of job.seen.entries())
        if (sequence < (job.seen[i - 1]?.sequence ?? 0))
          yield { ...idOf(job), what: `was told at sequence ${job.seen[i - 1]?.sequence}, then at ${sequence}` };
    const removedAt = new Map(generations.flatMap((row) => (row.dataRemoved ? [[row.id, row.sequence]] : [])));
    for (const job of jobs)
      for (const [i, id] of job.streamed.entries()) {
        // The last event shows the generation as it is now: the end and the removal that follows it can be one.
        const steps = id === removedAt.get(job.accepted[0] ?? '') ? [1, 2] : [1];
        if (i > 0 && !steps.includes(id - (job.streamed[i - 1] ?? 0)))
          yield { ...idOf(job), what: `its stream went from ${job.streamed[i - 1]} to ${id}` };
      }
  },

  *'a webhook arrives at least once, under one id, signed'({ generations, receipts, jobs, endpoints, erasures }) {
    const receiptsOf = groupBy(receipts, (receipt) => receipt.data.id);
    const jobOf = new Map(jobs.flatMap((job) => job.accepted.map((id) => [id, job])));
    const erased = new Set(erasures.map(({ subjectId }) => subjectId));
    for (const row of generations) {
      const got = (receiptsOf.get(row.id) ?? []).filter(({ type }) => type === 'generation.completed');
      const own = got.filter(({ endpoint }) => endpoint === 'job');
      const { webhook = null } = jobOf.get(row.id) ?? {};
      const owed = row.dataRemoved ? webhook !== null && !erased.has(row.subjectId ?? '') : row.wantsWebhook;
      if (owed) yield* wrongWebhooks(row, own, `its webhook (${webhook ?? 'unknown'})`);
      else if (own.length > 0 && !row.dataRemoved) yield { generationId: row.id, what: `wants no webhook and got ${own.length}` };
      for (const name of endpoints)
        yield* wrongWebhooks(
          row,
          got.filter(({ endpoint }) => endpoint === name),
          `the webhook of ${name}`,
        );
    }
    const unsigned = receipts.filter(({ signed }) => !signed);
    for (const { data, webhookId } of unsigned) yield { generationId: data.id, what: `the webhook ${webhookId} has no valid signature` };
  },

  *'a picture is there, and the job’s own'({ jobs, persons, generations, artifacts, objects, uploads, shared }) {
    const erased = new Set(persons.filter(({ erasedAt }) => erasedAt !== null).flatMap(({ made }) => made));
    for (const job of jobs)
      for (const { id, promised, got } of job.pictures) {
        const mayBeGone = job.removedAt !== null || erased.has(job.subject ?? '');
        if (promised !== got && !(mayBeGone && got === '410'))
          yield { ...idOf(job), what: `the picture ${id} should have the SHA-256 ${promised}; got ${got}` };
      }
    const stored = new Set(objects);
    const common = new Set([...uploads, ...shared]);
    const rows = byId(generations);
    for (const { generationId, tenantId, objectKey, name } of artifacts) {
      const { subjectId = null, dataRemoved = false } = rows.get(generationId) ?? {};
      if (dataRemoved) continue;
      if (!stored.has(objectKey)) yield { generationId, what: `its ${name} is the object ${objectKey}, which is not in the store` };
      const isOfTenant = objectKey.startsWith(`t/${tenantId}/`);
      const isOfPerson = !objectKey.startsWith(`t/${tenantId}/subjects/`) || objectKey.startsWith(`t/${tenantId}/subjects/${subjectId}/`);
      if (!isOfTenant || !isOfPerson || !(objectKey.includes(`/${generationId}/`) || common.has(objectKey)))
        yield { generationId, what: `its ${name} is the object ${objectKey}, which is not its own` };
    }
  },

  *'no object is left without an owner'({ objects, artifacts, uploads, shared }) {
    const owned = new Set([...uploads, ...shared, ...artifacts.map((artifact) => artifact.objectKey)]);
    for (const key of objects) if (!owned.has(key)) yield { what: `nobody points at the object ${key}` };
  },

  *'one Idempotency-Key is one job'({ jobs, batches, generations }) {
    const rowsOf = groupBy(generations, (row) => `${row.order} ${row.retryOf}`);
    for (const job of jobs) {
      if (job.idempotencyKey === null) continue;
      const ids = new Set([...job.accepted, ...(rowsOf.get(`${job.order} ${job.retryOf}`) ?? []).map((row) => row.id)]);
      if (ids.size > 1) yield { ...idOf(job), what: `the key ${job.idempotencyKey} made ${[...ids].join(' and ')}` };
    }
    for (const { order, accepted } of batches)
      if (new Set(accepted).size > 1) yield { what: `the key of ${order} made ${[...new Set(accepted)].join(' and ')}` };
  },

  *'a batch is as good as its items'({ batches, generations, receipts }) {
    const itemsOf = groupBy(generations, (row) => row.batchId ?? '');
    for (const { order, items, wrong, webhook, accepted, end } of batches) {
      const [id] = accepted;
      if (id === undefined) continue;
      const { total, accepted: good = 0, rejected, succeeded = 0, failed = 0, canceled = 0 } = end?.counts ?? {};
      const which = `the batch ${id} (${order})`;
      if (end?.status !== 'completed' && end?.status !== 'canceled') yield { what: `${which} is still ${end?.status}` };
      if (total !== items || rejected !== wrong || good !== items - wrong || good !== succeeded + failed + canceled)
        yield { what: `${which} of ${items} items, ${wrong} of them wrong, counts ${JSON.stringify(end?.counts)}` };
      const made = itemsOf.get(id)?.length ?? 0;
      if (made !== items - wrong) yield { what: `${which} made ${made} generations of ${items - wrong}` };
      const told = receipts.filter(({ type, data }) => type === 'batch.completed' && data.id === id);
      const ids = new Set(told.map(({ webhookId }) => webhookId));
      if (webhook && ids.size !== 1) yield { what: `the end of ${which} was told under ${ids.size} ids` };
    }
  },

  *'slots never leak'({ quiet: { demand, stagesAtWork, messages, busyWorkers, slots, wantedSlots } }) {
    for (const [name, count] of Object.entries(demand)) if (count !== 0) yield { what: `the class ${name} has a demand of ${count}` };
    if (stagesAtWork > 0) yield { what: `${stagesAtWork} stages count as processing` };
    if (messages > 0) yield { what: `${messages} messages wait in the outbox` };
    if (busyWorkers > 0) yield { what: `${busyWorkers} live workers are not idle` };
    for (const [name, count] of Object.entries(wantedSlots))
      if (slots[name] !== count) yield { what: `the class ${name} has ${slots[name] ?? 0} slots of ${count}` };
  },

  *'nothing waits for ever'({ generations, changes, faults }) {
    const calm = lastFault(faults);
    const log = groupBy(
      changes.filter((change) => change.of === 'generation'),
      (change) => change.id,
    );
    for (const { id } of generations) {
      const [first] = log.get(id) ?? [];
      const end = log.get(id)?.find(ended);
      const waited = (end?.at ?? Infinity) - Math.max(calm, first?.at ?? 0);
      if (waited > PATIENCE_MS) yield { generationId: id, what: `took ${Math.round(waited / 1000)} s from the last fault to its end` };
    }
  },

  *'a fault is met as it should be'({ faults }) {
    for (const { kind, target, broken } of faults) if (broken !== undefined) yield { what: `${kind} of ${target}: ${broken}` };
  },
};

function* wrongWebhooks(row: GenerationRow, got: readonly Receipt[], which: string): Generator<Broken> {
  const generationId = row.id;
  const heard = got.some(({ answer }) => answer === 'good' || answer === 'gone-410' || answer === 'huge-answer');
  if (!heard) yield { generationId, what: `${which} was never taken, in ${got.length} calls` };
  const ids = new Set(got.map(({ webhookId }) => webhookId));
  if (ids.size > 1) yield { generationId, what: `${which} came under the ids ${[...ids].join(' and ')}` };
  // With the data the request's own words go from what is still to be sent.
  if (new Set(got.map(({ text }) => text)).size > (row.dataRemoved ? 2 : 1))
    yield { generationId, what: `${which} came with different bodies` };
  for (const { data } of got)
    if (data.status !== row.status) yield { generationId, what: `${which} says ${data.status}, the database ${row.status}` };
}

/** A claim is the only change that mints an attempt. */
const isClaim = (change: Change): boolean => change.of === 'stage' && change.to === 'processing' && (change.attempt ?? 0) > 0;
