/** A worker that has room for the next stage goes on with it, and nobody else can. */
import { newId } from '@likeness/contracts';
import { exec, sql } from '@likeness/platform/db';
import { describe, expect, it, vi } from 'vitest';
import { completeAndGoOn, completeStage } from './complete-stage.ts';
import { claimStage, requestCancel, requeueStage } from './generation.store.ts';
import type { ClaimedStage } from './generation.ts';
import { runClaimed, runStage, type Room, type StageParts } from './run-stage.ts';
import { resultOf, useJourney, vault } from './testing/journey.ts';
import { bytes, keepAll, never, useRuns } from './testing/runs.ts';
import { pauseClass, resumeClass } from './worker-classes.ts';

const journey = useJourney();
const runs = useRuns(journey);
const worker = newId('worker');
const goOn = (stage: ClaimedStage) => completeAndGoOn(journey().db, stage, resultOf(stage), worker);
const begin = async (options = {}) => {
  const { id, stageId } = await journey().create(options);
  return { id, parse: await journey().claimed(stageId) };
};
const messagesOf = async (id: Parameters<ReturnType<typeof journey>['stages']>[0]) => {
  const messages = await Promise.all((await journey().stages(id)).map((stage) => journey().messages(stage.id)));
  return messages.map((of) => of.length);
};

describe('a completion by who has room', () => {
  it('claims the next stage: it has an attempt, a lease and what was left, and no message', async () => {
    const { id, parse } = await begin();
    const embed = await goOn(parse);
    expect(embed).toMatchObject({
      generation_id: id,
      name: 'embed',
      attempt: 1,
      max_attempts: 3,
      data_key: parse.data_key,
      input: parse.input,
    });
    const { artifacts, id: embedId } = embed as ClaimedStage;
    expect(artifacts.map(({ name }) => name)).toEqual(['face', 'label-map', 'reference']);
    expect(artifacts.map(({ data_key }) => data_key)).toEqual(artifacts.map(() => new Uint8Array(parse.data_key)));
    expect(await journey().stage(embedId)).toMatchObject({ status: 'processing', attempt: 1, worker_id: worker });
    expect(await messagesOf(id)).toEqual([1, 0]); // the journey of this test relays none
    expect(await claimStage(journey().db, embedId, newId('worker'), vault.newKey())).toBeNull();
    const sample = (await goOn(embed as ClaimedStage)) as ClaimedStage;
    expect(sample.artifacts.map(({ name }) => name)).toEqual(['face', 'identity', 'label-map', 'reference']);
    expect(await goOn(sample)).toBe(true);
    expect(await journey().generation(id)).toMatchObject({ status: 'succeeded' });
    expect((await journey().events(id)).map(({ type }) => type)).toEqual(['status', 'status', 'status', 'status', 'completed']);
  });

  it('leaves the next stage to the outbox while its class is paused, and when the time is over', async () => {
    await pauseClass(journey().db, 'embedding');
    const paused = await begin();
    expect(await goOn(paused.parse)).toBe(true);
    await resumeClass(journey().db, 'embedding');
    const late = await begin({ deadline: 3_600 });
    await journey().set(late.id, 'deadline_at', -1);
    expect(await goOn(late.parse)).toBe(true);
    for (const { id } of [paused, late]) {
      const [, embed] = await journey().stages(id);
      expect([embed?.status, embed?.attempt, (await messagesOf(id))[1]]).toEqual(['queued', 0, 1]);
    }
  });

  it('is fenced like any other, in one statement with those that do not go on', async () => {
    const [first, second, canceled, lost] = await Promise.all(Array.from({ length: 4 }, () => begin()));
    await requestCancel(journey().db, journey().tenantId, canceled!.id);
    await requeueStage(journey().db, lost!.parse);
    const done = await Promise.all([
      goOn(first!.parse),
      completeStage(journey().db, second!.parse, 'parse', resultOf(second!.parse)),
      goOn(canceled!.parse),
      goOn(lost!.parse),
    ]);
    expect(done).toEqual([expect.objectContaining({ name: 'embed', generation_id: first!.id }), true, false, false]);
    expect((await journey().stages(second!.id)).map(({ status }) => status)).toEqual(['succeeded', 'queued']);
  });
});

describe('a stage in a process with room', () => {
  const work = {
    parse: keepAll,
    embed: async ({ load, keep }: Parameters<typeof keepAll>[0]) =>
      keep('identity', bytes(`of ${Buffer.from((await load('face')).bytes).toString()}`)),
    sample: async ({ load, keep }: Parameters<typeof keepAll>[0]) =>
      keep('images', bytes(Buffer.from((await load('identity')).bytes).toString())),
  };
  const partsWith = (room: (parts: StageParts) => Room | undefined): StageParts => {
    const { store, signals } = runs();
    const log = { child: () => log, warn: () => undefined, info: () => undefined } as unknown as StageParts['log'];
    const parts: StageParts = { db: journey().db, store, signals, log, workerId: worker, room: () => room(parts) };
    return parts;
  };

  it('is followed by the next one, to the end', async () => {
    const { id, stageId } = await journey().create();
    const ended: Promise<unknown>[] = [];
    const parts = partsWith((all) => ({
      workerId: worker,
      leave: () => expect.unreachable('every place is used'),
      run: (stage) => void ended.push(runClaimed(all, stage, work[stage.name], never)),
    }));
    expect(await runStage(parts, stageId, work.parse, never)).toBe('completed');
    await vi.waitUntil(async () => (await journey().generation(id)).status === 'succeeded');
    expect(await Promise.all(ended)).toEqual(['completed', 'completed']);
    expect((await journey().stages(id)).map(({ name, attempt }) => [name, attempt])).toEqual([
      ['parse', 1],
      ['embed', 1],
      ['sample', 1],
    ]);
  });

  it('gives its place back when it could not be completed', async () => {
    const { id, stageId } = await journey().create();
    const leave = vi.fn();
    const parts = partsWith(() => ({ workerId: worker, leave, run: () => expect.unreachable('nothing follows') }));
    const canceling = async (context: Parameters<typeof keepAll>[0]) => {
      await keepAll(context);
      await exec(journey().db, sql`UPDATE generation SET cancel_requested_at = now() WHERE id = ${id}`);
    };
    expect(await runStage(parts, stageId, canceling, never)).toBe('canceled');
    expect(leave).toHaveBeenCalledOnce();
  });
});
