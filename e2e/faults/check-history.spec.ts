import { describe, expect, it } from 'vitest';
import { checkHistory } from './check-history.ts';
import { goodEnd, goodHistory, replaced, SHA, TENANT } from './good-history.ts';
import type { Change, ClientJob, History } from './history.ts';
import { PATIENCE_MS } from './invariant.ts';

const broken = (spoil: (history: History) => Partial<History>): string[] => {
  const history = goodHistory();
  return checkHistory({ ...history, ...spoil(history) }).map(({ invariant, what }) => `${invariant}: ${what}`);
};

it('finds nothing in a history in which all went well', () => {
  expect(checkHistory(goodHistory())).toEqual([]);
});

/** Every history here must fail, and for the reason that is given. */
const histories: [string, (history: History) => Partial<History>, string][] = [
  [
    'a job that is still at work',
    ({ generations }) => ({ generations: replaced(generations, () => true, { status: 'processing' }) }),
    'every 202 reaches exactly one terminal state: is still processing',
  ],
  [
    'a job that was accepted and is gone',
    ({ jobs }) => ({ jobs: [{ ...(jobs[0] as ClientJob), idempotencyKey: null, accepted: ['gen_1', 'gen_2'] }] }),
    'every 202 reaches exactly one terminal state: was accepted and is not in the database',
  ],
  [
    'two ends',
    ({ changes }) => ({ changes: [...changes, { ...end(changes), sequence: 8 }] }),
    'every 202 reaches exactly one terminal state: reached a terminal state 2 times',
  ],
  [
    'an end that changes',
    ({ changes }) => ({ changes: [...changes, { ...end(changes), from: 'succeeded', to: 'canceled', sequence: 8 }] }),
    'a terminal state never changes: went from succeeded to canceled',
  ],
  [
    'a shop that was told another end than the database holds',
    ({ jobs }) => ({ jobs: [{ ...(jobs[0] as ClientJob), seen: [{ at: 1, status: 'failed', sequence: 7, stage: null }] }] }),
    'a terminal state never changes: was told as failed and is succeeded',
  ],
  [
    'a shop that sees a job come back to life',
    ({ jobs: [job] }) => ({
      jobs: [{ ...(job as ClientJob), seen: [...(job as ClientJob).seen, { at: 400, status: 'processing', sequence: 8, stage: null }] }],
    }),
    'a terminal state never changes: was told as succeeded, then as processing',
  ],
  [
    'a stage that is committed twice',
    ({ changes }) => ({
      changes: [
        ...changes,
        { ...(changes.find(({ id, to }) => id === 'stg_parse_1' && to === 'succeeded') as Change), from: 'processing' },
      ],
    }),
    'a result is committed once, by the attempt that claimed it: the stage parse was committed 2 times',
  ],
  [
    'an attempt that is given out twice',
    ({ changes }) => ({
      changes: changes.flatMap((change) =>
        change.id === 'stg_embed_1' && change.to === 'processing' ? [change, { ...change, workerId: 'wrk_other' }] : [change],
      ),
    }),
    'a result is committed once, by the attempt that claimed it: claim 2 of the stage embed got the attempt 1',
  ],
  [
    'a zombie that commits its objects under the attempt of another',
    ({ stages, changes }) => ({
      stages: replaced(stages, ({ name }) => name === 'sample', { attempt: 2 }),
      changes: changes.flatMap((change) =>
        change.id !== 'stg_sample_1' || change.to === 'queued'
          ? [change]
          : change.to === 'processing'
            ? [change, { ...change, attempt: 2, workerId: 'wrk_other' }]
            : [{ ...change, attempt: 2, workerId: 'wrk_other' }],
      ),
    }),
    `a result is committed once, by the attempt that claimed it: attempt 2 of the stage sample committed the object t/${TENANT}/gen_1/sample/1/sample-0 of attempt 1`,
  ],
  [
    'a success without all of its stages',
    ({ stages }) => ({ stages: stages.filter(({ name }) => name !== 'embed') }),
    'a result is committed once, by the attempt that claimed it: has succeeded with the stages parse, sample',
  ],
  [
    'a gap in the events',
    ({ events }) => ({ events: events.filter(({ sequence }) => sequence !== 4) }),
    'sequences rise without gap or repeat: is at sequence 7 and has the events 1 2 3 5 6 7',
  ],
  [
    'a change that does not raise the sequence',
    ({ changes }) => ({ changes: replaced(changes, (change) => change.sequence === 5, { sequence: 4 }) }),
    'sequences rise without gap or repeat: went from sequence 4 to 4',
  ],
  [
    'an event twice',
    ({ events }) => ({ events: [...events.slice(0, 6), ...events.slice(5, 6)] }),
    'sequences rise without gap or repeat: is at sequence 7 and has the events 1 2 3 4 5 6 6',
  ],
  [
    'a sequence that falls for a shop',
    ({ jobs: [job] }) => ({
      jobs: [
        {
          ...(job as ClientJob),
          seen: [
            { at: 1, status: 'processing', sequence: 5, stage: null },
            { at: 2, status: 'processing', sequence: 4, stage: null },
          ],
        },
      ],
    }),
    'sequences rise without gap or repeat: was told at sequence 5, then at 4',
  ],
  [
    'a webhook that nobody has taken',
    ({ receipts }) => ({ receipts: receipts.filter(({ answer, endpoint }) => answer !== 'good' || endpoint !== 'job') }),
    'a webhook arrives at least once, under one id, signed: its webhook (error-500) was never taken, in 1 calls',
  ],
  [
    'a webhook under two ids',
    ({ receipts }) => ({
      receipts: replaced(receipts, ({ answer, endpoint }) => answer === 'good' && endpoint === 'job', { webhookId: 'whd_2' }),
    }),
    'a webhook arrives at least once, under one id, signed: its webhook (error-500) came under the ids whd_job and whd_2',
  ],
  [
    'a webhook whose body changes between two tries',
    ({ receipts }) => ({
      receipts: replaced(receipts, ({ answer, endpoint }) => answer === 'good' && endpoint === 'job', { text: '{ }' }),
    }),
    'a webhook arrives at least once, under one id, signed: its webhook (error-500) came with different bodies',
  ],
  [
    'an endpoint that hears of an end never',
    ({ receipts }) => ({ receipts: receipts.filter(({ endpoint }) => endpoint === 'job') }),
    'a webhook arrives at least once, under one id, signed: the webhook of endpoint-1 was never taken, in 0 calls',
  ],
  [
    'a stream that leaves out an event',
    ({ jobs: [job] }) => ({ jobs: [{ ...(job as ClientJob), streamed: [2, 3, 5] }] }),
    'sequences rise without gap or repeat: its stream went from 3 to 5',
  ],
  [
    'a webhook without a signature',
    ({ receipts }) => ({
      receipts: replaced(receipts, ({ answer, endpoint }) => answer === 'good' && endpoint === 'job', { signed: false }),
    }),
    'a webhook arrives at least once, under one id, signed: the webhook whd_job has no valid signature',
  ],
  [
    'a webhook that nobody asked for',
    ({ generations }) => ({ generations: replaced(generations, () => true, { wantsWebhook: false }) }),
    'a webhook arrives at least once, under one id, signed: wants no webhook and got 2',
  ],
  [
    'a picture with other bytes',
    ({ jobs: [job] }) => ({ jobs: [{ ...(job as ClientJob), pictures: [{ id: 'art_1', url: 'http://a', promised: SHA, got: '404' }] }] }),
    `a picture is there, and the job’s own: the picture art_1 should have the SHA-256 ${SHA}; got 404`,
  ],
  [
    'an artifact without an object',
    ({ objects }) => ({ objects: objects.filter((key) => !key.includes('/sample/')) }),
    `a picture is there, and the job’s own: its sample is the object t/${TENANT}/gen_1/sample/1/sample-0, which is not in the store`,
  ],
  [
    'an artifact that is the object of another tenant',
    ({ artifacts, objects }) => ({
      artifacts: replaced(artifacts, ({ name }) => name === 'sample', { objectKey: 't/ten_2/gen_1/sample/1/sample-0' }),
      objects: [...objects.filter((key) => !key.includes('/sample/')), 't/ten_2/gen_1/sample/1/sample-0'],
    }),
    'a picture is there, and the job’s own: its sample is the object t/ten_2/gen_1/sample/1/sample-0, which is not its own',
  ],
  [
    'an object without an owner',
    ({ objects }) => ({ objects: [...objects, `t/${TENANT}/gen_1/sample/9/images-0`] }),
    `no object is left without an owner: nobody points at the object t/${TENANT}/gen_1/sample/9/images-0`,
  ],
  [
    'a key with two jobs',
    ({ generations, events, changes }) => ({
      generations: [
        ...generations,
        { ...(generations[0] as History['generations'][0]), id: 'gen_2', wantsWebhook: false, sequence: 0, status: 'failed' },
      ],
      events,
      changes: [...changes, { ...end(changes), id: 'gen_2', generationId: 'gen_2', from: 'queued', to: 'failed', sequence: 1 }],
    }),
    'one Idempotency-Key is one job: the key key-1 made gen_1 and gen_2',
  ],
  [
    'a batch that does not end',
    ({ batches }) => ({ batches: replaced(batches, () => true, { end: { ...goodEnd, status: 'processing' } }) }),
    'a batch is as good as its items: the batch bat_1 (batch-1) is still processing',
  ],
  [
    'a batch that loses an item',
    ({ generations }) => ({ generations: replaced(generations, () => true, { batchId: null }) }),
    'a batch is as good as its items: the batch bat_1 (batch-1) made 0 generations of 1',
  ],
  [
    'a batch that miscounts',
    ({ batches }) => ({ batches: replaced(batches, () => true, { end: { ...goodEnd, counts: { ...goodEnd.counts, succeeded: 0 } } }) }),
    'a batch is as good as its items: the batch bat_1 (batch-1) of 2 items, 1 of them wrong, counts {"total":2,"accepted":1,"rejected":1,"succeeded":0,"failed":0,"canceled":0}',
  ],
  [
    'a batch whose end nobody is told',
    ({ batches }) => ({ batches: replaced(batches, () => true, { webhook: true }) }),
    'a batch is as good as its items: the end of the batch bat_1 (batch-1) was told under 0 ids',
  ],
  [
    'a key with two batches',
    ({ batches }) => ({ batches: replaced(batches, () => true, { accepted: ['bat_1', 'bat_2'] }) }),
    'one Idempotency-Key is one job: the key of batch-1 made bat_1 and bat_2',
  ],
  ['a slot that leaks', ({ quiet }) => ({ quiet: { ...quiet, stagesAtWork: 1 } }), 'slots never leak: 1 stages count as processing'],
  [
    'a demand that stays',
    ({ quiet }) => ({ quiet: { ...quiet, demand: { parsing: 2 } } }),
    'slots never leak: the class parsing has a demand of 2',
  ],
  [
    'a message that nobody relays',
    ({ quiet }) => ({ quiet: { ...quiet, messages: 3 } }),
    'slots never leak: 3 messages wait in the outbox',
  ],
  ['a worker that stays busy', ({ quiet }) => ({ quiet: { ...quiet, busyWorkers: 1 } }), 'slots never leak: 1 live workers are not idle'],
  [
    'a worker that does not come back',
    ({ quiet }) => ({ quiet: { ...quiet, slots: { diffusion: 1 } } }),
    'slots never leak: the class diffusion has 1 slots of 2',
  ],
  [
    'a job that waits for ever',
    ({ changes }) => ({ changes: replaced(changes, (change) => change === end(changes), { at: PATIENCE_MS + 1_020 }) }),
    'nothing waits for ever: took 121 s from the last fault to its end',
  ],
  [
    'a fault that should have been noticed',
    ({ faults }) => ({ faults: replaced(faults, () => true, { broken: 'the worker stayed ready' }) }),
    'a fault is met as it should be: kill -9 worker of diffusion-worker: the worker stayed ready',
  ],
];

function end(changes: readonly Change[]): Change {
  return changes.find(({ of, to }) => of === 'generation' && to === 'succeeded') as Change;
}

describe('a history must fail that has', () => {
  it.each(histories)('%s', (_name, spoil, expected) => {
    expect(broken(spoil)).toContain(expected);
  });
});
