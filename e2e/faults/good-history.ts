/** A history in which all went well, for the tests of what must fail. */
import type { Change, ClientJob, History, Receipt } from './history.ts';

export const TENANT = 'ten_1';
export const SHA = 'a'.repeat(64);

const STAGES = ['parse', 'embed', 'sample'] as const;

/** How a generation goes well, from its first change to the last; its stages are `stg_<name>_<n>`. */
export function journey(n: number, start: number): Pick<History, 'changes' | 'stages' | 'events'> {
  const generationId = `gen_${n}`;
  const change = (at: number, of: Change['of'], id: string, from: string | null, to: string, more: Partial<Change>): Change => ({
    at: start + at,
    of,
    id,
    generationId,
    from,
    to,
    sequence: null,
    attempt: null,
    workerId: null,
    ...more,
  });
  const changes = STAGES.flatMap((name, i) => {
    const at = i * 100;
    const [id, workerId] = [`stg_${name}_${n}`, `wrk_${name}`];
    const last = name === 'sample';
    return [
      change(at, 'stage', id, null, 'queued', { attempt: 0 }),
      change(at + 10, 'stage', id, 'queued', 'processing', { attempt: 1, workerId }),
      change(at + 10, 'generation', generationId, i === 0 ? 'queued' : 'processing', 'processing', { sequence: 2 * i + 2 }),
      change(at + 50, 'stage', id, 'processing', 'succeeded', { attempt: 1, workerId }),
      change(at + 50, 'generation', generationId, 'processing', last ? 'succeeded' : 'processing', { sequence: 2 * i + 3 }),
    ];
  });
  return {
    changes: [change(0, 'generation', generationId, null, 'queued', { sequence: 1 }), ...changes],
    stages: STAGES.map((name) => ({ id: `stg_${name}_${n}`, generationId, name, status: 'succeeded', attempt: 1, cached: false })),
    events: Array.from({ length: 7 }, (_, i) => ({ generationId, sequence: i + 1, type: 'status', status: 'processing' })),
  };
}

export const told = (id: string, answer: Receipt['answer'], endpoint = 'job'): Receipt => ({
  at: 310,
  endpoint,
  webhookId: `whd_${endpoint}`,
  signed: true,
  answer,
  text: '{}',
  type: 'generation.completed',
  data: { id, status: 'succeeded' },
});

export const goodEnd = { status: 'completed', counts: { total: 2, accepted: 1, rejected: 1, succeeded: 1, failed: 0, canceled: 0 } };

/** One job that went well, as every part of a run sees it. */
export function goodHistory(): History {
  const job: ClientJob = {
    order: 'order-1',
    retryOf: null,
    idempotencyKey: 'key-1',
    webhook: 'error-500',
    accepted: ['gen_1', 'gen_1'],
    seen: [
      { at: 5, status: 'queued', sequence: 1, stage: null },
      { at: 120, status: 'processing', sequence: 4, stage: 'embed' },
      { at: 300, status: 'succeeded', sequence: 7, stage: null },
    ],
    streamed: [2, 3, 4, 5, 6, 7],
    pictures: [{ id: 'art_1', url: 'http://a', promised: SHA, got: SHA }],
    canceledAt: null,
    subject: null,
    removedAt: null,
    removed: false,
    afterwards: [],
  };
  return {
    jobs: [job],
    batches: [{ order: 'batch-1', items: 2, wrong: 1, webhook: false, accepted: ['bat_1'], end: goodEnd }],
    persons: [],
    receipts: [told('gen_1', 'error-500'), told('gen_1', 'good'), told('gen_1', 'good', 'endpoint-1')],
    endpoints: ['endpoint-1'],
    faults: [{ kind: 'kill -9 worker', target: 'diffusion-worker', from: 20, to: 20 }],
    generations: [
      {
        id: 'gen_1',
        tenantId: TENANT,
        status: 'succeeded',
        sequence: 7,
        order: 'order-1',
        retryOf: null,
        batchId: 'bat_1',
        wantsWebhook: true,
        subjectId: null,
        pack: 'noop',
        removalRequestedAt: null,
        dataRemoved: false,
        content: ['input', 'metadata', 'webhook', 'artifacts', 'data key'],
      },
    ],
    artifacts: STAGES.map((stage) => ({
      id: `art_${stage}`,
      generationId: 'gen_1',
      tenantId: TENANT,
      stage,
      name: stage,
      objectKey: `t/${TENANT}/gen_1/${stage}/1/${stage}-0`,
    })),
    deliveries: [{ id: 'whd_1', generationId: 'gen_1', type: 'generation.completed', status: 'succeeded' }],
    ...journey(1, 0),
    subjects: [],
    erasures: [],
    swept: [],
    shared: [],
    objects: [`t/${TENANT}/uploads/upl_1`, ...STAGES.map((stage) => `t/${TENANT}/gen_1/${stage}/1/${stage}-0`)],
    uploads: [`t/${TENANT}/uploads/upl_1`],
    quiet: { demand: {}, stagesAtWork: 0, messages: 0, busyWorkers: 0, slots: { diffusion: 2 }, wantedSlots: { diffusion: 2 } },
  };
}

export const replaced = <T extends object>(items: readonly T[], which: (item: T) => boolean, by: Partial<T>): T[] =>
  items.map((item) => (which(item) ? { ...item, ...by } : item));
