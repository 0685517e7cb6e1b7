/** Claims and completions of one moment travel in one statement: what holds for one must hold for each of many. */
import { newId, type StageId } from '@likeness/contracts';
import { createVault } from '@likeness/platform/storage';
import { describe, expect, it } from 'vitest';
import { completeStage } from './complete-stage.ts';
import { claimStage, requestCancel } from './generation.store.ts';
import { resultOf, useJourney } from './testing/journey.ts';

const journey = useJourney();
const { newKey } = createVault('a secret of these tests, long enough');
const worker = newId('worker');
const claimAll = (ids: readonly StageId[]) => Promise.all(ids.map((id) => claimStage(journey().db, id, worker, newKey())));
const createMany = (count: number) => Promise.all(Array.from({ length: count }, () => journey().create()));

describe('claims of one moment', () => {
  it('each get their own stage, with its own key', async () => {
    const created = await createMany(40);
    const claimed = await claimAll(created.map(({ stageId }) => stageId));
    expect(claimed.map((stage) => [stage?.id, stage?.generation_id, stage?.attempt])).toEqual(
      created.map(({ id, stageId }) => [stageId, id, 1]),
    );
    expect(new Set(claimed.map((stage) => Buffer.from(stage?.data_key ?? []).toString('hex'))).size).toBe(40);
  });

  it('leave alone what cannot be claimed, and the rest is claimed', async () => {
    const created = await createMany(6);
    const [canceled, taken] = created;
    await requestCancel(journey().db, journey().tenantId, canceled!.id);
    await claimAll([taken!.stageId]);
    const claimed = await claimAll([newId('stage'), ...created.map(({ stageId }) => stageId)]);
    expect(claimed.map((stage) => stage?.id ?? null)).toEqual([null, null, null, ...created.slice(2).map(({ stageId }) => stageId)]);
  });

  it('of one stage are one claim', async () => {
    const { stageId } = await journey().create();
    const claimed = await claimAll([stageId, stageId, stageId]);
    expect(claimed.filter((stage) => stage !== null)).toHaveLength(1);
  });

  it('by several workers neither meet twice nor wait for each other for ever', async () => {
    const created = await createMany(60);
    const ids = created.map(({ stageId }) => stageId);
    const rounds = await Promise.all([claimAll(ids), claimAll([...ids].reverse()), claimAll(ids)]);
    const won = rounds.flat().flatMap((stage) => stage?.id ?? []);
    expect(won.sort()).toEqual([...ids].sort());
  });
});

describe('completions of one moment', () => {
  it('are each fenced for themselves', async () => {
    const created = await createMany(8);
    const claimed = (await claimAll(created.map(({ stageId }) => stageId))).map((stage) => stage!);
    await requestCancel(journey().db, journey().tenantId, claimed[1]!.generation_id);
    const stale = { ...claimed[2]!, attempt: 7 };
    const fences = [claimed[0]!, claimed[1]!, stale, ...claimed.slice(3)];
    const done = await Promise.all(fences.map((fence) => completeStage(journey().db, fence, 'parse', resultOf(fence))));
    expect(done).toEqual([true, false, false, true, true, true, true, true]);
    const next = await Promise.all(created.map(({ id }) => journey().generation(id)));
    expect(next.map(({ stage }) => stage)).toEqual(['embed', 'parse', 'parse', 'embed', 'embed', 'embed', 'embed', 'embed']);
  });
});
