import { GenerationEvent, LikenessError, newId, type GenerationId, type StageId, type StageName } from '@likeness/contracts';
import { exec, listen, sql } from '@likeness/platform/db';
import { describe, expect, it } from 'vitest';
import { flow } from './flow.ts';
import { completeStage } from './complete-stage.ts';
import { expire, failStage, heartbeat, requestCancel, requestCancelForDeadline, requeueStage, settleCancel } from './generation.store.ts';
import { resultOf, useJourney, type NewGeneration } from './testing/journey.ts';

const journey = useJourney();
const start = async (options: NewGeneration = {}) => {
  const created = await journey().create(options);
  return { ...created, stage: await journey().claimed(created.stageId) };
};
const blurred = new LikenessError('no_face_detected', 'No face was found in the 8×8 picture.').toJobError('parse');
const late = {
  ...new LikenessError('deadline_exceeded', '').toJobError('parse'),
  detail: expect.stringMatching(/^The deadline \d{4}-\d\d-\d\dT[\d:.]{12}Z passed before the end\.$/) as string,
};
const secondsFromNow = (date: unknown) => (Number(date) - Date.now()) / 1000;

/** Runs a statement that must change nothing at all. */
async function expectUnchanged(id: GenerationId, refused: () => Promise<unknown>, answer: unknown) {
  const before = await journey().everything(id);
  expect(await refused()).toEqual(answer);
  expect(await journey().everything(id)).toEqual(before);
}

/** The one `generation.completed`: valid, about this moment, and on its way. */
async function completedDelivery(id: GenerationId) {
  const deliveries = (await journey().deliveries(id)).filter(({ type }) => type === 'generation.completed');
  expect(deliveries).toHaveLength(1);
  const [delivery] = deliveries;
  if (!delivery) throw new Error('just counted');
  const { status, sequence, error } = await journey().generation(id);
  const body = GenerationEvent.parse(delivery.body);
  expect(body.data).toMatchObject({ id, status, sequence, error, metadata: { order: '17' } });
  expect(delivery).toMatchObject({ sequence, url: 'https://example.com/hook' });
  expect(Math.abs(secondsFromNow(new Date(body.timestamp)))).toBeLessThan(10);
  expect(await journey().messages(delivery.id)).toMatchObject([
    { job: 'deliver-webhook', queue: 'webhooks', n: 1, tenant_id: journey().tenantId },
  ]);
  return body;
}

describe('claimStage', () => {
  it('gives a generation its data key once, and no stage of it another one', async () => {
    const { id, stageId } = await journey().create();
    const first = await journey().claimed(stageId);
    await journey().lapse(stageId);
    const again = await journey().claimed(stageId);
    await journey().complete(again);
    const embed = await journey().claimed(await journey().advanceTo('embed', { id, stageId }));
    expect([first, again, embed].map(({ data_key_id }) => data_key_id)).toEqual([id, id, id]);
    expect([again.data_key, embed.data_key]).toEqual([first.data_key, first.data_key]);
    expect((await journey().artifacts(id)).map((artifact) => artifact['data_key_id'])).toEqual([id, id, id]);
  });

  it('mints the attempt and gives the worker what it needs', async () => {
    const { id, stageId } = await journey().create({ deadline: 60 });
    const stage = await journey().claimed(stageId);
    expect(stage).toMatchObject({
      ...{ id: stageId, generation_id: id, tenant_id: journey().tenantId, name: 'parse', attempt: 1, max_attempts: 3 },
      ...{ input: { prompt: 'a person' }, pack: { name: 'noop', version: '1.0.0', trained: false } },
    });
    expect(secondsFromNow(stage.deadline_at)).toBeGreaterThan(50);
    const row = await journey().stage(stageId);
    expect(row).toMatchObject({ status: 'processing', attempt: 1 });
    expect(secondsFromNow(row['lease_until'])).toBeGreaterThan(6);
    expect(secondsFromNow(row['lease_until'])).toBeLessThan(9);
    expect(await journey().generation(id)).toMatchObject({
      status: 'processing',
      stage: 'parse',
      sequence: 2,
      started_at: row['started_at'],
    });
    expect((await journey().events(id)).at(-1)).toEqual({
      sequence: 2,
      type: 'status',
      data: { status: 'processing', stage: 'parse', progress: null },
    });
  });

  it('tells of the start once, whatever is claimed later', async () => {
    const created = await journey().create({ events: ['started', 'completed'] });
    const first = await journey().claimed(created.stageId);
    const { started_at } = await journey().generation(created.id);
    await requeueStage(journey().db, first);
    await journey()
      .claimed(created.stageId)
      .then((again) => journey().complete(again));
    await journey().claimed(await journey().advanceTo('embed', created));
    expect((await journey().generation(created.id))['started_at']).toEqual(started_at);
    const deliveries = await journey().deliveries(created.id);
    expect(deliveries.map(({ type, sequence }) => [type, sequence])).toEqual([['generation.started', 2]]);
    expect(GenerationEvent.parse(deliveries[0]?.body).data).toMatchObject({ status: 'processing', error: null, output: [] });
    expect(await journey().messages(deliveries[0]?.id ?? '')).toHaveLength(1);
  });

  it('makes no delivery for an event that nobody asked for, or without a URL', async () => {
    const [unasked, silent] = [await start({ events: ['completed'] }), await start({ webhook: false, events: ['started', 'completed'] })];
    await failStage(journey().db, silent.stage, blurred);
    expect([await journey().deliveries(unasked.id), await journey().deliveries(silent.id)]).toEqual([[], []]);
  });

  it('takes a stage whose lease has run out, and the former worker has nothing more to say', async () => {
    const { id, stageId, stage } = await start();
    await journey().lapse(stageId);
    const second = await journey().claimed(stageId);
    expect(second.attempt).toBe(2);
    await expectUnchanged(id, () => heartbeat(journey().db, stage, { step: 1, total: 2 }), null);
    await expectUnchanged(id, () => journey().complete(stage), false);
    await expectUnchanged(id, () => requeueStage(journey().db, stage), false);
    await expectUnchanged(id, () => failStage(journey().db, stage, blurred), false);
    expect(await journey().complete(second)).toBe(true);
  });

  it.each<[string, () => Promise<{ id: GenerationId; stageId: StageId }>]>([
    ['a live lease', () => start()],
    [
      'a cancel',
      async () => {
        const started = await start();
        await requestCancel(journey().db, journey().tenantId, started.id);
        await journey().lapse(started.stageId);
        return started;
      },
    ],
    ['the deadline', () => journey().create({ deadline: -1 })],
    [
      'too many attempts',
      async () => {
        const created = await journey().create();
        await exec(journey().db, sql`UPDATE stage SET attempt = max_attempts WHERE id = ${created.stageId}`);
        return created;
      },
    ],
    [
      'a stage that is done',
      async () => {
        const started = await start();
        await journey().complete(started.stage);
        return started;
      },
    ],
    [
      'a generation that has ended',
      async () => {
        const started = await start();
        await failStage(journey().db, started.stage, blurred);
        return started;
      },
    ],
  ])('is refused by %s', async (_, prepare) => {
    const { id, stageId } = await prepare();
    await expectUnchanged(id, () => journey().claim(stageId), null);
  });

  it('finds nothing for a stage that never was', async () => {
    expect(await journey().claim(newId('stage'))).toBeNull();
  });
});

describe('heartbeat', () => {
  it('tells of a new preview by an event of its own, and keeps it until the next', async () => {
    const { id, stage } = await start();
    const beat = (step: number, preview?: string) => heartbeat(journey().db, stage, { step, total: 4, ...(preview && { preview }) });
    await beat(1);
    await beat(2, 'a');
    await beat(2, 'a');
    await beat(3);
    await beat(3, 'b');
    const seen = (await journey().events(id)).slice(2).map(({ sequence, type, data }) => [sequence, type, data.progress]);
    expect(seen).toEqual([
      [3, 'progress', { step: 1, total: 4 }],
      [4, 'progress', { step: 2, total: 4, preview: 'a' }],
      [5, 'preview', { step: 2, total: 4, preview: 'a' }],
      [6, 'progress', { step: 3, total: 4, preview: 'a' }],
      [7, 'progress', { step: 3, total: 4, preview: 'b' }],
      [8, 'preview', { step: 3, total: 4, preview: 'b' }],
    ]);
    expect((await journey().generation(id)).sequence).toBe(8);
    await journey().complete(stage);
    expect((await journey().generation(id))['progress']).toBeNull();
  });

  it('renews the lease, and shows progress only when there is some', async () => {
    const { id, stageId, stage } = await start({ events: ['progress'] });
    await journey().lapse(stageId);
    expect(await heartbeat(journey().db, stage, null)).toMatchObject({ cancel_requested: false });
    expect(secondsFromNow((await journey().stage(stageId))['lease_until'])).toBeGreaterThan(6);
    expect(await journey().generation(id)).toMatchObject({ sequence: 2, progress: null });

    await heartbeat(journey().db, stage, { step: 1, total: 4 });
    await heartbeat(journey().db, stage, { step: 1, total: 4 });
    await heartbeat(journey().db, stage, null);
    expect(await journey().generation(id)).toMatchObject({ sequence: 3, progress: { step: 1, total: 4 } });
    await heartbeat(journey().db, stage, { step: 2, total: 4 });
    const shown = (await journey().events(id)).filter(({ type }) => type === 'progress');
    expect(shown.map(({ sequence, data }) => [sequence, data.progress])).toEqual([
      [3, { step: 1, total: 4 }],
      [4, { step: 2, total: 4 }],
    ]);
    const deliveries = await journey().deliveries(id);
    expect(deliveries.map(({ type, sequence }) => [type, sequence])).toEqual([['generation.progress', 3]]);
    deliveries.forEach(({ body }) => GenerationEvent.parse(body));
  });

  it('tells receivers at most once in half a second', async () => {
    const { id, stage } = await start({ events: ['progress'] });
    const beat = (step: number) => heartbeat(journey().db, stage, { step, total: 4 });
    await beat(1);
    await beat(2);
    await exec(
      journey().db,
      sql`UPDATE webhook_delivery SET created_at = created_at - interval '500 milliseconds' WHERE generation_id = ${id}`,
    );
    await beat(3);
    await beat(4);
    expect((await journey().deliveries(id)).map(({ sequence }) => sequence)).toEqual([3, 5]);
    expect((await journey().events(id)).filter(({ type }) => type === 'progress')).toHaveLength(4);
  });

  it('brings the news of a cancel', async () => {
    const { id, stage } = await start();
    await requestCancel(journey().db, journey().tenantId, id);
    expect(await heartbeat(journey().db, stage, null)).toMatchObject({ cancel_requested: true });
  });

  it('is over with the stage', async () => {
    const { id, stage } = await start();
    await journey().complete(stage);
    await expectUnchanged(id, () => heartbeat(journey().db, stage, { step: 9, total: 9 }), null);
  });
});

describe('completeStage', () => {
  it('keeps the artifacts and puts the next stage into the outbox', async () => {
    const { id, stageId, stage } = await start({ priority: 'high' });
    await heartbeat(journey().db, stage, { step: 1, total: 1 });
    expect(await journey().complete(stage)).toBe(true);
    expect(await journey().stage(stageId)).toMatchObject({ status: 'succeeded', lease_until: null, error: null, gpu_seconds: 0.5 });
    const kept = await journey().artifacts(id);
    expect(kept.map(({ name }) => name)).toEqual(['face', 'label-map', 'reference']);
    expect(kept[0]).toMatchObject({
      ...{ generation_id: id, tenant_id: journey().tenantId, stage: 'parse', index: 0, content_type: 'image/png', size: 70 },
      ...{ object_key: `t/${journey().tenantId}/${id}/parse/1/face-0`, detail: { width: 1, height: 1 } },
    });
    const next = (await journey().stages(id)).find(({ name }) => name === 'embed');
    expect(next).toMatchObject({ status: 'queued', queue: 'embedding', attempt: 0, enqueued: 0, enqueued_at: null });
    expect(await journey().messages(next?.id ?? '')).toMatchObject([
      { job: 'embed-identity', queue: 'embedding', n: 1, priority: 'high', delay: 0 },
    ]);
    expect(await journey().generation(id)).toMatchObject({
      ...{ status: 'processing', stage: 'embed', sequence: 4, progress: null, gpu_seconds: 0.5, images: 0, completed_at: null },
      warnings: ['parse_warned'],
    });
    expect((await journey().events(id)).at(-1)).toMatchObject({
      sequence: 4,
      type: 'status',
      data: { status: 'processing', stage: 'embed' },
    });
    expect(await journey().deliveries(id)).toEqual([]);
  });

  it('ends the generation with the last stage of the flow', async () => {
    const created = await journey().create();
    const { id } = created;
    const last = await journey().claimed(await journey().advanceTo('sample', created));
    const result = resultOf(last);
    expect(await completeStage(journey().db, last, last.name, result)).toBe(true);
    const row = await journey().generation(id);
    expect(row).toMatchObject({ status: 'succeeded', stage: null, progress: null, error: null, images: 2, gpu_seconds: 1.5 });
    expect([...(row['warnings'] as string[])].sort()).toEqual(['embed_warned', 'parse_warned', 'sample_warned']);
    expect((Number(row['expires_at']) - Number(row['completed_at'])) / 86_400_000).toBeCloseTo(30, 0);
    expect((await journey().stages(id)).map(({ name, status }) => [name, status])).toEqual([
      ['parse', 'succeeded'],
      ['embed', 'succeeded'],
      ['sample', 'succeeded'],
    ]);
    expect((await journey().events(id)).map(({ type }) => type)).toEqual([...Array<string>(4).fill('status'), 'completed']);
    const { data } = await completedDelivery(id);
    expect(data.output).toEqual(result.artifacts.map(({ id, index, content_type, sha256 }) => ({ id, index, content_type, sha256 })));
  });

  it('is refused once a cancel was asked for, or the lease is another’s', async () => {
    const canceled = await start();
    await requestCancel(journey().db, journey().tenantId, canceled.id);
    await expectUnchanged(canceled.id, () => journey().complete(canceled.stage), false);
    const requeued = await start();
    await requeueStage(journey().db, requeued.stage);
    await expectUnchanged(requeued.id, () => journey().complete(requeued.stage), false);
  });

  it('is done once', async () => {
    const { id, stage } = await start();
    expect(await journey().complete(stage)).toBe(true);
    await expectUnchanged(id, () => journey().complete(stage), false);
  });

  it('writes nothing when one artifact cannot be written', async () => {
    const { id, stage } = await start();
    const result = resultOf(stage);
    const twice = { ...result, artifacts: [...result.artifacts, ...result.artifacts.slice(0, 1)] };
    const before = await journey().everything(id);
    await expect(completeStage(journey().db, stage, 'parse', twice)).rejects.toThrow('duplicate key');
    expect(await journey().everything(id)).toEqual(before);
  });

  it.each(Object.keys(flow) as StageName[])('refuses a %s stage that left nothing', async (name) => {
    const created = await journey().create();
    const stage = await journey().claimed(await journey().advanceTo(name, created));
    expect(() => completeStage(journey().db, stage, name, { artifacts: [], warnings: [], gpuSeconds: 0 })).toThrow(
      flow[name].leaves.join(', '),
    );
  });
});

describe('requeueStage', () => {
  it('sends one more message, later, and keeps the error', async () => {
    const { id, stageId, stage } = await start({ priority: 'low' });
    await journey().relay();
    expect(await requeueStage(journey().db, stage, { error: blurred, delaySeconds: 90 })).toBe(true);
    expect(await journey().messages(stageId)).toMatchObject([{ job: 'parse-face', queue: 'parsing', n: 2, priority: 'low', delay: 90 }]);
    expect(await journey().stage(stageId)).toMatchObject({
      ...{
        status: 'queued',
        attempt: 1,
        max_attempts: 3,
        enqueued: 2,
        enqueued_at: null,
        worker_id: null,
        lease_until: null,
        error: blurred,
      },
    });
    expect(await journey().generation(id)).toMatchObject({
      status: 'processing',
      stage: 'parse',
      sequence: 3,
      progress: null,
      error: null,
    });
    expect((await journey().claimed(stageId)).attempt).toBe(2);
  });

  it('never numbers a message like an earlier one, even before the relay has noted that one', async () => {
    const { stageId, stage } = await start();
    await requeueStage(journey().db, stage);
    await requeueStage(journey().db, await journey().claimed(stageId));
    expect((await journey().messages(stageId)).map(({ n }) => n)).toEqual([1, 2, 3]);
    expect(await journey().relay()).toContain(`${stageId}-3`);
    expect(await journey().stage(stageId)).toMatchObject({ enqueued: 3 });
  });

  it('gives the try back to a worker that had to stop', async () => {
    const { stageId, stage } = await start();
    await requeueStage(journey().db, stage, { keepsTry: true });
    expect(await journey().claimed(stageId)).toMatchObject({ attempt: 2, max_attempts: 4 });
  });

  it('takes nothing from a worker whose lease is alive again, when it comes from outside', async () => {
    const { id, stageId, stage } = await start();
    await journey().lapse(stageId);
    await heartbeat(journey().db, stage, null);
    await expectUnchanged(id, () => requeueStage(journey().db, { ...stage, lapsed: true }), false);
    await expectUnchanged(id, () => failStage(journey().db, { ...stage, lapsed: true }, blurred), false);
    await journey().lapse(stageId);
    expect(await requeueStage(journey().db, { ...stage, lapsed: true })).toBe(true);
  });
});

describe('failStage', () => {
  it('ends the generation with the error', async () => {
    const { id, stageId, stage } = await start();
    expect(await failStage(journey().db, stage, blurred)).toBe(true);
    expect(await journey().stage(stageId)).toMatchObject({ status: 'failed', error: blurred, lease_until: null });
    expect(await journey().generation(id)).toMatchObject({ status: 'failed', stage: null, error: blurred, sequence: 3 });
    expect((await completedDelivery(id)).data.error).toEqual(blurred);
    expect(await journey().artifacts(id)).toEqual([]);
    await expectUnchanged(id, () => failStage(journey().db, stage, blurred), false);
  });
});

describe('requestCancel', () => {
  const cancel = (id: GenerationId) => requestCancel(journey().db, journey().tenantId, id);

  it('ends what is queued at once and takes its message back', async () => {
    const { id, stageId } = await journey().create();
    expect(await journey().messages(stageId)).toHaveLength(1);
    expect(await cancel(id)).toBe(true);
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled', stage: null, sequence: 3, error: null, started_at: null });
    expect(await journey().stage(stageId)).toMatchObject({ status: 'canceled' });
    expect(await journey().messages(stageId)).toEqual([]);
    expect((await journey().events(id)).map(({ type, data }) => [type, data.status])).toEqual([
      ['status', 'queued'],
      ['status', 'queued'],
      ['completed', 'canceled'],
    ]);
    await completedDelivery(id);
  });

  it('does not wait for the relay, which may hold the message', async () => {
    const { id, stageId } = await journey().create();
    const relay = await journey().db.pool.connect();
    try {
      await relay.query('BEGIN');
      await relay.query('SELECT FROM outbox WHERE ref_id = $1 FOR UPDATE', [stageId]);
      expect(await cancel(id)).toBe(true);
      await relay.query('UPDATE stage SET enqueued = 1, enqueued_at = now() WHERE id = $1', [stageId]);
      await relay.query('COMMIT');
    } finally {
      relay.release();
    }
    expect(await journey().claim(stageId)).toBeNull();
  });

  it('ends what waits between two stages, and keeps what is done', async () => {
    const created = await journey().create();
    const next = await journey().advanceTo('embed', created);
    expect(await cancel(created.id)).toBe(true);
    expect((await journey().stages(created.id)).map(({ status }) => status)).toEqual(['succeeded', 'canceled']);
    expect(await journey().messages(next)).toEqual([]);
    expect(await journey().artifacts(created.id)).toHaveLength(3);
    await completedDelivery(created.id);
  });

  it('leaves the end to the worker that holds the stage', async () => {
    const { id, stageId, stage } = await start();
    expect(await cancel(id)).toBe(false);
    const row = await journey().generation(id);
    expect(row).toMatchObject({ status: 'processing', stage: 'parse', sequence: 3 });
    expect(row['cancel_requested_at']).toBeInstanceOf(Date);
    await expectUnchanged(id, () => cancel(id), false);
    await expectUnchanged(id, () => settleCancel(journey().db, id, 'idle'), false);
    await expectUnchanged(id, () => settleCancel(journey().db, id, { ...stage, attempt: 2 }), false);

    expect(await settleCancel(journey().db, id, stage)).toBe(true);
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled', stage: null, sequence: 4 });
    expect(await journey().stage(stageId)).toMatchObject({ status: 'canceled', lease_until: null });
    await completedDelivery(id);
    await expectUnchanged(id, () => settleCancel(journey().db, id, 'forced'), false);
  });

  it('leaves what has ended, and what is another tenant’s, as it is', async () => {
    const [ended, others, asked] = [await start(), await start(), await start()];
    await failStage(journey().db, ended.stage, blurred);
    await expectUnchanged(ended.id, () => cancel(ended.id), false);
    const stranger = newId('tenant');
    await expectUnchanged(others.id, () => requestCancel(journey().db, stranger, others.id), false);
    await cancel(asked.id);
    await journey().lapse(asked.stageId);
    await expectUnchanged(asked.id, () => requestCancel(journey().db, stranger, asked.id), false);
  });

  it('is nothing that settleCancel does by itself', async () => {
    const { id, stage } = await start();
    for (const by of [stage, 'idle', 'forced'] as const) await expectUnchanged(id, () => settleCancel(journey().db, id, by), false);
  });
});

describe('the deadline', () => {
  it('expires what no worker has begun', async () => {
    const { id, stageId } = await journey().create({ deadline: -1 });
    expect(await expire(journey().db, id)).toBe(true);
    expect(await journey().generation(id)).toMatchObject({ status: 'expired', stage: null, error: late, sequence: 2, started_at: null });
    expect(await journey().stage(stageId)).toMatchObject({ status: 'canceled' });
    expect(await journey().messages(stageId)).toEqual([]);
    expect((await completedDelivery(id)).data.status).toBe('expired');
    await expectUnchanged(id, () => expire(journey().db, id), false);
  });

  it('cancels what is at work, with the reason', async () => {
    const { id, stage } = await start({ deadline: 60 });
    await expectUnchanged(id, () => requestCancelForDeadline(journey().db, id), false);
    await journey().set(id, 'deadline_at', -1);
    await expectUnchanged(id, () => expire(journey().db, id), false);
    expect(await requestCancelForDeadline(journey().db, id)).toBe(true);
    await expectUnchanged(id, () => requestCancelForDeadline(journey().db, id), false);
    await expectUnchanged(id, () => journey().complete(stage), false);
    expect(await journey().generation(id)).toMatchObject({ status: 'processing', error: null });
    expect(await settleCancel(journey().db, id, stage)).toBe(true);
    expect((await completedDelivery(id)).data).toMatchObject({ status: 'canceled', error: late });
  });

  it('is heard by the next heartbeat, and then ends what is at work', async () => {
    const { id, stage } = await start({ deadline: 60 });
    await expectUnchanged(id, () => settleCancel(journey().db, id, stage), false);
    await journey().set(id, 'deadline_at', -1);
    expect(await heartbeat(journey().db, stage, null)).toEqual({ cancel_requested: true });
    await expectUnchanged(id, () => settleCancel(journey().db, id, 'idle'), false);
    expect(await settleCancel(journey().db, id, stage)).toBe(true);
    expect(await journey().generation(id)).toMatchObject({
      status: 'canceled',
      error: late,
      cancel_requested_at: expect.any(Date) as Date,
    });
  });

  it('that has not passed is no reason of a cancel', async () => {
    const { id, stage } = await start({ deadline: 60 });
    await requestCancel(journey().db, journey().tenantId, id);
    expect(await settleCancel(journey().db, id, stage)).toBe(true);
    expect(await journey().generation(id)).toMatchObject({ status: 'canceled', error: null });
  });

  it('is not there for those who set none', async () => {
    const { id } = await journey().create();
    await expectUnchanged(id, () => expire(journey().db, id), false);
  });
});

describe('notifications', () => {
  it('tell of every visible change, and of every message', async () => {
    const heard: string[] = [];
    const hear = (channel: string) => (payload: string) => void heard.push(`${channel} ${payload}`);
    const listener = listen(journey().url, { generation: hear('generation'), outbox: hear('outbox') });
    await listener.ready;
    const mark = async (name: string) => {
      await exec(journey().db, sql`SELECT pg_notify('outbox', ${name})`);
      await expect.poll(() => heard).toContain(`outbox ${name}`);
    };
    const told = async (change: () => Promise<unknown>) => {
      await mark('from here');
      heard.length = 0;
      await change();
      await mark('to here');
      return heard.slice(0, -1).sort();
    };
    const created = await journey().create({ events: ['started', 'progress', 'completed'] });
    const generation = `generation ${created.id}`;
    expect(await told(() => journey().claim(created.stageId))).toEqual([generation, 'outbox webhooks']);
    const stage = { id: created.stageId, generation_id: created.id, attempt: 1 };
    expect(await told(() => heartbeat(journey().db, stage, null))).toEqual([]);
    expect(await told(() => heartbeat(journey().db, stage, { step: 1, total: 2 }))).toEqual([generation, 'outbox webhooks']);
    expect(await told(() => requeueStage(journey().db, stage))).toEqual([generation, 'outbox parsing']);
    expect(await told(() => journey().claim(created.stageId))).toEqual([generation]);
    const again = { ...stage, attempt: 2, name: 'parse' as const };
    expect(await told(() => completeStage(journey().db, again, 'parse', resultOf({ ...again, tenant_id: journey().tenantId })))).toEqual([
      generation,
      'outbox embedding',
    ]);
    expect(await told(() => requestCancel(journey().db, journey().tenantId, created.id))).toEqual([
      generation,
      generation,
      'outbox webhooks',
    ]);
    const failing = await start();
    expect(await told(() => failStage(journey().db, failing.stage, blurred))).toEqual([`generation ${failing.id}`, 'outbox webhooks']);
    await listener.close();
  });
});
