/** The statements against the state machine of `testing/model.ts`, by random commands, one after another and two at once. */
import { LikenessError, newId, type GenerationId, type StageId } from '@likeness/contracts';
import { exec, many, openDb, sql, type Db } from '@likeness/platform/db';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { flow } from './flow.ts';
import type { ClaimedStage } from './generation.ts';
import { completeAndGoOn, completeStage } from './complete-stage.ts';
import {
  claimStage,
  expire,
  failStage,
  heartbeat,
  requestCancel,
  requestCancelForDeadline,
  requeueStage,
  requeueUnknown,
  settleCancel,
} from './generation.store.ts';
import { reconcileCancels, reconcileDeadlines, reconcileLeases } from './reconcile.ts';
import * as model from './testing/model.ts';
import type { ModelFence, ModelJob, ModelProgress, Step } from './testing/model.ts';
import { resultOf, useJourney, vault, type Journey } from './testing/journey.ts';

/** Numbers choose among what is there when the command is run: a stage or an attempt of the job. */
type Command =
  | { readonly do: 'claim' | 'lapse' | 'send again'; readonly which: number }
  | { readonly do: 'heartbeat'; readonly which: number; readonly progress: ModelProgress | null }
  | { readonly do: 'requeue'; readonly which: number; readonly keepsTry: boolean }
  | { readonly do: 'complete' | 'complete and go on' | 'fail' | 'settle'; readonly which: number }
  | {
      readonly do: 'cancel' | 'settle idle' | 'settle forced' | 'expire' | 'cancel for deadline' | 'pass deadline' | 'relay' | 'reconcile';
    };

const which = fc.nat({ max: 11 });
const progress = fc.option(fc.record({ step: fc.nat({ max: 2 }), preview: fc.constantFrom('one', 'two') }, { requiredKeys: ['step'] }));
const statement: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('claim' as const), which }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('complete' as const, 'complete and go on' as const), which }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('heartbeat' as const), which, progress }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('requeue' as const), which, keepsTry: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fail' as const, 'settle' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('cancel', 'settle idle', 'expire', 'cancel for deadline') }) },
);
const alone: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('lapse' as const, 'send again' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('relay', 'reconcile') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pass deadline', 'settle forced') }) },
);
/** One command, or two that run at once: in two processes, whose statements meet in the database only, or in one, where they may share one. */
const turn = fc.oneof(
  { weight: 3, arbitrary: statement.map((command) => [command]) },
  { weight: 2, arbitrary: alone.map((command) => [command]) },
  { weight: 2, arbitrary: fc.tuple(statement, statement).map((commands) => [...commands]) },
);

interface Attempt extends ModelFence {
  readonly claimed: ClaimedStage;
}

/** A job in the database, the one in the model, and every attempt that was ever given out. */
class Pair {
  readonly #journey: Journey;
  readonly id: GenerationId;
  job: ModelJob;
  readonly attempts: Attempt[] = [];

  constructor(journey: Journey, id: GenerationId, job: ModelJob) {
    this.#journey = journey;
    this.id = id;
    this.job = job;
  }

  async stageIds(): Promise<StageId[]> {
    return (await this.#journey.stages(this.id)).map(({ id }) => id);
  }

  /** The command's statements, and the steps that they are in the model; undefined when there is nothing that it could mean. */
  meaning(command: Command, stages: readonly StageId[], db: Db): { real: () => Promise<unknown>; steps: readonly Step[] } | undefined {
    const { tenantId } = this.#journey;
    const error = new LikenessError('internal', 'It did not work.').toJobError('parse');
    const index = 'which' in command ? command.which % stages.length : 0;
    const stage = stages[index] as StageId;
    // Young attempts more often than old ones.
    const attempt =
      'which' in command ? this.attempts.at(-1 - (command.which % Math.max(1, Math.min(4, this.attempts.length)))) : undefined;
    switch (command.do) {
      case 'claim':
        return { real: () => this.#claim(db, index, stage), steps: [model.claim(index)] };
      case 'lapse':
        return { real: () => this.#journey.lapse(stage), steps: [model.lapse(index)] };
      case 'send again':
        return { real: () => requeueUnknown(db, stage), steps: [model.sendAgain(index)] };
      case 'heartbeat': {
        const shown = command.progress && { ...command.progress, total: 2 };
        const beat = (fence: ClaimedStage) => heartbeat(db, fence, shown).then((answer) => answer && answer.cancel_requested);
        return attempt && { real: () => beat(attempt.claimed), steps: [model.heartbeat(attempt, command.progress)] };
      }
      case 'complete':
        return attempt && { real: () => this.#complete(db, attempt.claimed), steps: [model.complete(attempt)] };
      case 'complete and go on':
        return attempt && { real: () => this.#completeAndGoOn(db, attempt), steps: [model.complete(attempt, true)] };
      case 'fail':
        return attempt && { real: () => failStage(db, attempt.claimed, error), steps: [model.fail(attempt)] };
      case 'requeue': {
        const { keepsTry } = command;
        return attempt && { real: () => requeueStage(db, attempt.claimed, { keepsTry }), steps: [model.requeue(attempt, keepsTry)] };
      }
      case 'settle':
        return attempt && { real: () => settleCancel(db, this.id, attempt.claimed), steps: [model.settle(attempt)] };
      case 'cancel':
        return { real: () => requestCancel(db, tenantId, this.id), steps: [model.askForCancel, model.settle('idle')] };
      case 'settle idle':
        return { real: () => settleCancel(db, this.id, 'idle'), steps: [model.settle('idle')] };
      case 'settle forced':
        return { real: () => settleCancel(db, this.id, 'forced'), steps: [model.settle('forced')] };
      case 'expire':
        return { real: () => expire(db, this.id), steps: [model.expire] };
      case 'cancel for deadline':
        return { real: () => requestCancelForDeadline(db, this.id), steps: [model.cancelForDeadline] };
      case 'pass deadline':
        return { real: () => this.#journey.set(this.id, 'deadline_at', -3_600), steps: [model.passDeadline] };
      case 'relay':
        return { real: () => this.#journey.relay().then(() => undefined), steps: [model.relay] };
      case 'reconcile':
        return { real: () => this.#reconcile(), steps: [model.reconcile] };
    }
  }

  async #claim(db: Db, index: number, stage: StageId): Promise<number | null> {
    const claimed = await claimStage(db, stage, newId('worker'), vault.newKey());
    if (claimed) this.attempts.push({ stage: index, attempt: claimed.attempt, claimed });
    return claimed && claimed.attempt;
  }

  #complete(db: Db, claimed: ClaimedStage): Promise<boolean> {
    return completeStage(db, claimed, claimed.name, resultOf(claimed));
  }

  async #completeAndGoOn(db: Db, { claimed, stage }: Attempt): Promise<boolean | number> {
    const next = await completeAndGoOn(db, claimed, resultOf(claimed), newId('worker'));
    if (typeof next === 'boolean') return next;
    this.attempts.push({ stage: stage + 1, attempt: next.attempt, claimed: next });
    return next.attempt;
  }

  async #reconcile(): Promise<void> {
    await reconcileLeases(this.#journey.db);
    await reconcileDeadlines(this.#journey.db);
    await reconcileCancels(this.#journey.db);
  }

  /** The database's state in the terms of the model. */
  async state(): Promise<unknown> {
    const { db } = this.#journey;
    const generation = await this.#journey.generation(this.id);
    const Stage = z.object({
      name: z.string(),
      status: z.string(),
      attempt: z.number(),
      maxAttempts: z.number(),
      lapsed: z.boolean(),
      relayed: z.boolean(),
      messages: z.number(),
      committedBy: z.array(z.string()),
    });
    const stages = await many(
      db,
      Stage,
      sql`SELECT name, status, attempt, max_attempts AS "maxAttempts", coalesce(lease_until < now(), false) AS lapsed, enqueued_at IS NOT NULL AS relayed,
                 (SELECT count(*)::int FROM outbox WHERE ref_id = s.id) AS messages,
                 ARRAY(SELECT DISTINCT split_part(object_key, '/', 5) FROM artifact a WHERE a.generation_id = s.generation_id AND a.stage = s.name) AS "committedBy"
            FROM stage s WHERE generation_id = ${this.id} ORDER BY array_position(${Object.keys(flow)}::text[], name)`,
    );
    const events = await this.#journey.events(this.id);
    const { status, stage, sequence, progress, error, cancel_requested_at } = generation;
    return {
      status,
      stage,
      progress: progress && omit(progress as ModelProgress & { total: number }, 'total'),
      cancelRequested: cancel_requested_at !== null,
      errored: error !== null,
      sequence,
      events: events.map((event) => `${event.sequence} ${event.type}`),
      webhooks: (await this.#journey.deliveries(this.id)).length,
      stages: stages.map((row) => ({ ...row, ...only(row), committedBy: row.committedBy.map(Number) })),
    };
  }
}

/** What counts in a state only: a lease of a stage at work, a relay of a stage that waits. */
const only = ({ status, lapsed, relayed }: { status: string; lapsed: boolean; relayed: boolean }) => ({
  lapsed: status === 'processing' && lapsed,
  relayed: status === 'queued' && relayed,
});

function stateOf({ deadline: _, events, ...job }: ModelJob): unknown {
  return {
    ...job,
    sequence: events.length,
    events: events.map((type, i) => `${i + 1} ${type}`),
    stages: job.stages.map((stage) => ({ ...stage, ...only(stage), committedBy: stage.committedBy === null ? [] : [stage.committedBy] })),
  };
}

/** What the model allows: of commands that run at once every order of their steps; a command gives what its steps give together. */
function outcomes(job: ModelJob, commands: readonly (readonly Step[])[]): { job: ModelJob; results: unknown[] }[] {
  const start = { job: structuredClone(job), results: commands.map((): unknown => undefined) };
  const go = (state: typeof start, left: readonly (readonly Step[])[]): (typeof start)[] => {
    if (left.every((steps) => steps.length === 0)) return [state];
    return left.flatMap(([step, ...rest], i) => {
      if (!step) return [];
      const next = structuredClone(state);
      next.results[i] = step(next.job);
      const skipped = next.results[i] === false ? [] : rest; // what was not asked for is not settled
      return go(next, left.with(i, skipped));
    });
  };
  return go(start, commands);
}

const journey = useJourney();
const SEED = 20_261_124;

it('every command does what the state machine says, two at once do it in some order, and nothing else changes', async () => {
  const { db, url } = journey();
  const other = openDb(url, { max: 2 });
  onTestFinished(() => other.close());
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('none', 'ahead'),
      fc.boolean(),
      fc.array(turn, { minLength: 5, maxLength: 25 }),
      async (deadline, together, turns) => {
        const processes = together ? [db, db] : [db, other];
        await exec(db, sql`DELETE FROM generation`);
        await exec(db, sql`DELETE FROM outbox`);
        const created = await journey().create(deadline === 'ahead' ? { deadline: 3_600 } : {});
        const pair = new Pair(journey(), created.id, model.newJob(deadline));
        for (const commands of turns) {
          const stages = await pair.stageIds();
          const meanings = commands.flatMap((command, i) => pair.meaning(command, stages, processes[i] ?? db) ?? []);
          const results = await Promise.all(meanings.map(({ real }) => real()));
          const actual = { state: await pair.state(), results };
          const allowed = outcomes(
            pair.job,
            meanings.map(({ steps }) => steps),
          );
          const states = allowed.map((outcome) => ({ state: stateOf(outcome.job), results: outcome.results }));
          const met = states.findIndex((expected) => fc.stringify(sorted(expected)) === fc.stringify(sorted(actual)));
          if (met < 0) expect(actual, `after ${commands.map((command) => command.do).join(' and ')}`).toEqual(states[0]);
          pair.job = (allowed[met] ?? raise('a state that the model does not allow')).job;
        }
      },
    ),
    { seed: SEED, numRuns: 150, interruptAfterTimeLimit: 20_000 },
  );
}, 60_000);

function omit<T extends object, K extends keyof T>(value: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = value;
  return rest;
}

function raise(what: string): never {
  throw new Error(what);
}

/** With the keys of every object in one order, so that equal values are equal texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
