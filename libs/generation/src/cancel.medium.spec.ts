/** A cancel in every moment of the journey: it ends, once, and nothing is done afterwards. */
import { STAGES, type GenerationId } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import { failStage, heartbeat, requestCancel, requeueStage, settleCancel } from './generation.store.ts';
import { useJourney } from './testing/journey.ts';

const journey = useJourney();
const cancel = (id: GenerationId) => requestCancel(journey().db, journey().tenantId, id);
const blurred = { code: 'no_face_detected', title: '', detail: '', hint: '', retryable: false, stage: 'parse' } as const;

async function expectCanceled(id: GenerationId): Promise<void> {
  const { status, stage, error, images } = await journey().generation(id);
  expect({ status, stage, error, images }).toEqual({ status: 'canceled', stage: null, error: null, images: 0 });
  const events = await journey().events(id);
  expect(events.filter(({ type }) => type === 'completed')).toHaveLength(1);
  expect((await journey().deliveries(id)).map(({ type }) => type)).toEqual(['generation.completed']);
  const stages = await journey().stages(id);
  expect(stages.at(-1)?.status).toBe('canceled');
  for (const { id: stageId, status: ended } of stages) {
    expect(['succeeded', 'canceled']).toContain(ended);
    expect(await journey().claim(stageId)).toBeNull();
    if (ended === 'canceled') expect(await journey().messages(stageId)).toEqual([]);
  }
}

describe.each(STAGES)('a cancel at the stage %s', (name) => {
  const waiting = async () => {
    const created = await journey().create();
    return { ...created, stageId: await journey().advanceTo(name, created) };
  };
  const atWork = async () => {
    const { id, stageId } = await waiting();
    return { id, stage: await journey().claimed(stageId) };
  };

  it('that waits in the outbox ends at once', async () => {
    const { id } = await waiting();
    expect(await cancel(id)).toBe(true);
    await expectCanceled(id);
  });

  it('that waits in the queue ends at once, and its message finds nothing to do', async () => {
    const { id } = await waiting();
    await journey().relay();
    expect(await cancel(id)).toBe(true);
    await expectCanceled(id);
  });

  it('that is at work is honoured by its worker', async () => {
    const { id, stage } = await atWork();
    expect(await cancel(id)).toBe(false);
    expect(await journey().generation(id)).toMatchObject({ status: 'processing', stage: name });
    expect(await heartbeat(journey().db, stage, { step: 1, total: 2 })).toMatchObject({ cancel_requested: true });
    expect(await journey().complete(stage)).toBe(false);
    expect(await settleCancel(journey().db, id, stage)).toBe(true);
    expect(await cancel(id)).toBe(false);
    await expectCanceled(id);
  });

  it('that is put back meanwhile ends with the next look', async () => {
    const { id, stage } = await atWork();
    await cancel(id);
    await requeueStage(journey().db, stage);
    expect(await settleCancel(journey().db, id, 'idle')).toBe(true);
    await expectCanceled(id);
  });

  it('whose worker is lost ends without it', async () => {
    const { id, stage } = await atWork();
    await journey().lapse(stage.id);
    expect(await cancel(id)).toBe(true);
    expect(await settleCancel(journey().db, id, stage)).toBe(false);
    await expectCanceled(id);
  });

  it('that has failed changes nothing', async () => {
    const { id, stage } = await atWork();
    await failStage(journey().db, stage, blurred);
    const before = await journey().everything(id);
    expect(await cancel(id)).toBe(false);
    expect(await journey().everything(id)).toEqual(before);
  });
});

describe('a cancel after the end', () => {
  it('changes nothing', async () => {
    const created = await journey().create();
    await journey().complete(await journey().claimed(await journey().advanceTo('sample', created)));
    const before = await journey().everything(created.id);
    expect(await cancel(created.id)).toBe(false);
    expect(await journey().everything(created.id)).toEqual(before);
    expect((before as { generation: { status: string } }).generation.status).toBe('succeeded');
  });
});
