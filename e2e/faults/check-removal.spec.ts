import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkHistory } from './check-history.ts';
import { goodHistory, journey, replaced, TENANT, told } from './good-history.ts';
import type { Change, ClientJob, ClientPerson, GenerationRow, History } from './history.ts';
import { PATIENCE_MS } from './invariant.ts';

const PERSON = `t/${TENANT}/subjects/sub_1/`;
const ERASED_AT = 20_000;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Beside a job that has nothing to do with it: two of one subject, of which the second reused what the first had found; then the erasure. */
function erasedHistory(): History {
  const good = goodHistory();
  const [first, second] = [journey(2, 1_000), journey(3, 10_000)];
  const [row, job] = [good.generations[0] as GenerationRow, good.jobs[0] as ClientJob];
  const of = (id: string): GenerationRow => ({
    ...row,
    id,
    sequence: 8,
    order: null,
    batchId: null,
    wantsWebhook: false,
    subjectId: 'sub_1',
    removalRequestedAt: ERASED_AT,
    dataRemoved: true,
    content: [],
  });
  const removal = (id: string): Change => ({
    ...(good.changes.findLast(({ of: what }) => what === 'generation') as Change),
    at: ERASED_AT + 100,
    id,
    generationId: id,
    from: 'succeeded',
    to: 'succeeded',
    sequence: 8,
  });
  const ordered = (id: string): ClientJob => ({
    ...job,
    order: `order of ${id}`,
    idempotencyKey: null,
    accepted: [id],
    streamed: [2, 3, 4, 5, 6, 8],
    subject: 'sub_1',
    pictures: [{ id: `art_${id}`, url: 'http://a', promised: 'a', got: '410' }],
    afterwards: [{ what: `the picture art_${id}`, wanted: '410', got: '410' }],
  });
  const keys = [`${PERSON}references/0`, `${PERSON}gen_2/sample/1/images-0`, `${PERSON}gen_3/sample/1/images-0`].map(sha256);
  const person: ClientPerson = {
    order: 'order-person-1',
    made: ['sub_1'],
    erasedAt: ERASED_AT,
    erasures: ['era_1'],
    receipt: {
      id: 'era_1' as never,
      object: 'erasure',
      subject: 'sub_1',
      status: 'completed',
      started_at: '2026-11-24T10:00:00Z',
      completed_at: '2026-11-24T10:00:12Z',
      removed: { objects: 3, rows: 20, cache_entries: 2, generations: 2 },
      object_keys_sha256: keys,
      data_key_destroyed: true,
    },
    afterwards: [{ what: 'the subject', wanted: '410', got: '410' }],
  };
  return {
    ...good,
    jobs: [...good.jobs, ordered('gen_2'), ordered('gen_3')],
    persons: [person],
    receipts: [...good.receipts, told('gen_2', 'good', 'endpoint-1'), told('gen_3', 'good', 'endpoint-1')],
    generations: [...good.generations, of('gen_2'), of('gen_3')],
    stages: [...good.stages, ...first.stages, ...replaced(second.stages, ({ name }) => name !== 'sample', { cached: true })],
    events: [...good.events, ...first.events, ...second.events],
    changes: [...good.changes, ...first.changes, ...second.changes, removal('gen_2'), removal('gen_3')],
    subjects: [{ id: 'sub_1', tenantId: TENANT, erased: true, content: [] }],
    erasures: [{ id: 'era_1', subjectId: 'sub_1', startedAt: ERASED_AT, completedAt: ERASED_AT + 12_000 }],
  };
}

const broken = (spoil: (history: History) => Partial<History>): string[] => {
  const history = erasedHistory();
  return checkHistory({ ...history, ...spoil(history) }).map(({ invariant, what }) => `${invariant}: ${what}`);
};

const receipt = ({ persons }: History, by: Partial<NonNullable<ClientPerson['receipt']>>): Partial<History> => ({
  persons: persons.map((person) => ({ ...person, receipt: person.receipt && { ...person.receipt, ...by } })),
});
const removed = { objects: 3, rows: 20, cache_entries: 2, generations: 2 };
const isOf = (generationId: string) => (row: { readonly id: string }) => row.id === generationId;

it('finds nothing when a subject was used again and then erased', () => {
  expect(checkHistory(erasedHistory())).toEqual([]);
});

const [AGAIN, GONE, ERASED, READ] = [
  'what is used again is of the same subject',
  'what was to be removed is removed, once',
  'an erasure is complete, and its receipt adds up',
  'nothing that was removed can be read',
];

/** Every history here must fail, and for the reason that is given. */
const histories: [string, (history: History) => Partial<History>, string][] = [
  [
    'a result of somebody else',
    ({ generations }) => ({ generations: replaced(generations, isOf('gen_2'), { subjectId: 'sub_2' }) }),
    `${AGAIN}: its parse is used again, of no earlier generation of its subject`,
  ],
  [
    'a portrait that is used again',
    ({ stages }) => ({ stages: replaced(stages, isOf('stg_sample_3'), { cached: true }) }),
    `${AGAIN}: its sample is used again, of no earlier generation of its subject`,
  ],
  [
    'a result that was there and is made again',
    ({ stages }) => ({ stages: replaced(stages, isOf('stg_embed_3'), { cached: false }) }),
    `${AGAIN}: its embed was made again`,
  ],
  [
    'a removal that is not done',
    ({ generations }) => ({ generations: replaced(generations, isOf('gen_1'), { removalRequestedAt: 400 }) }),
    `${GONE}: was to be removed and is not`,
  ],
  [
    'a removal that nobody has asked for',
    ({ generations }) => ({ generations: replaced(generations, isOf('gen_2'), { removalRequestedAt: null }) }),
    `${GONE}: was removed, and nobody had asked for it`,
  ],
  [
    'a removal that leaves something',
    ({ generations }) => ({ generations: replaced(generations, isOf('gen_2'), { content: ['input', 'artifacts'] }) }),
    `${GONE}: is removed and still has its input, artifacts`,
  ],
  [
    'a removal that does not raise the sequence',
    ({ generations, changes }) => ({
      generations: replaced(generations, isOf('gen_2'), { sequence: 7 }),
      changes: changes.filter(({ id, sequence }) => id !== 'gen_2' || sequence !== 8),
    }),
    `${GONE}: is removed at sequence 7; its removals were at none`,
  ],
  [
    'a removal that takes for ever',
    ({ changes }) => ({
      changes: replaced(changes, ({ sequence }) => sequence === 8, { at: ERASED_AT + PATIENCE_MS + 1_000 }),
    }),
    `${GONE}: took 121 s from the last fault to its removal`,
  ],
  [
    'an erasure that does not end',
    ({ erasures }) => ({ erasures: replaced(erasures, () => true, { completedAt: null }) }),
    `${ERASED}: the erasure of sub_1 is not complete`,
  ],
  [
    'an erasure that takes for ever',
    ({ erasures }) => ({ erasures: replaced(erasures, () => true, { completedAt: ERASED_AT + PATIENCE_MS + 1_000 }) }),
    `${ERASED}: the erasure of sub_1 took 121 s from the last fault`,
  ],
  [
    'an erasure of nobody',
    ({ subjects }) => ({ subjects: replaced(subjects, () => true, { erased: false }) }),
    `${ERASED}: the erasure of sub_1 has left the subject`,
  ],
  [
    'a subject that is known after its erasure',
    ({ subjects }) => ({ subjects: replaced(subjects, () => true, { content: ['consent'] }) }),
    `${ERASED}: the erased subject sub_1 still has its consent`,
  ],
  [
    'an object that only the sweep has found',
    () => ({ swept: [`${PERSON}gen_2/sample/2/images-0`] }),
    `${ERASED}: the object ${PERSON}gen_2/sample/2/images-0 has outlived its subject`,
  ],
  [
    'a generation that was made while its subject was erased',
    ({ generations }) => ({
      generations: replaced(generations, isOf('gen_3'), { dataRemoved: false, removalRequestedAt: null, sequence: 7 }),
    }),
    `${ERASED}: has outlived its subject sub_1`,
  ],
  [
    'a generation that fails because its subject was erased',
    ({ generations, changes }) => ({
      generations: replaced(generations, isOf('gen_3'), { status: 'failed' }),
      changes: replaced(changes, ({ id, sequence }) => id === 'gen_3' && sequence === 7, { at: ERASED_AT + 10, to: 'failed' }),
    }),
    `${ERASED}: was erased under way, and ended failed`,
  ],
  [
    'two erasures of one subject',
    ({ persons }) => ({ persons: replaced(persons, () => true, { erasures: ['era_1', 'era_2'] }) }),
    `${ERASED}: the erasure of order-person-1 has the receipts era_1 and era_2`,
  ],
  [
    'a key with two subjects',
    ({ persons }) => ({ persons: replaced(persons, () => true, { made: ['sub_1', 'sub_2'] }) }),
    `${ERASED}: the key of order-person-1 made sub_1 and sub_2`,
  ],
  [
    'a receipt that objects are missing from',
    (history) => receipt(history, { object_keys_sha256: [sha256('one'), sha256('two'), sha256(`${PERSON}references/0`)] }),
    `${ERASED}: the receipt of order-person-1 leaves out the object ${PERSON}gen_2/sample/1/images-0`,
  ],
  [
    'a receipt that counts an object twice',
    (history) => receipt(history, { removed: { ...removed, objects: 4 } }),
    `${ERASED}: the receipt of order-person-1 counts 4 objects and names 3`,
  ],
  [
    'a receipt that counts a generation twice',
    (history) => receipt(history, { removed: { ...removed, generations: 3 } }),
    `${ERASED}: the receipt of order-person-1 counts 3 generations of 2`,
  ],
  [
    'a receipt that knows nothing of what was used again',
    (history) => receipt(history, { removed: { ...removed, cache_entries: 1 } }),
    `${ERASED}: the receipt of order-person-1 counts 1 cache entries of 2`,
  ],
  [
    'a receipt of fewer rows than there were',
    (history) => receipt(history, { removed: { ...removed, rows: 4 } }),
    `${ERASED}: the receipt of order-person-1 counts 4 rows of at least 5`,
  ],
  [
    'a picture that is shown after its removal',
    ({ jobs }) => ({
      jobs: replaced(jobs, ({ subject }) => subject !== null, { afterwards: [{ what: 'the picture art_2', wanted: '410', got: '200' }] }),
    }),
    `${READ}: after its removal the picture art_2 should be answered with 410; got 200`,
  ],
  [
    'a portrait of somebody who was erased',
    ({ persons }) => ({
      persons: replaced(persons, () => true, { afterwards: [{ what: 'one more generation', wanted: 'subject_erased', got: '202' }] }),
    }),
    `${READ}: after the erasure of order-person-1 one more generation should be answered with subject_erased; got 202`,
  ],
  [
    'a stream that leaves out an event before the end and the removal',
    ({ jobs }) => ({ jobs: replaced(jobs, ({ subject }) => subject !== null, { streamed: [2, 3, 4, 5, 8] }) }),
    'sequences rise without gap or repeat: its stream went from 5 to 8',
  ],
  [
    'a stream that leaves out an event, and not the end',
    ({ jobs }) => ({ jobs: replaced(jobs, ({ subject }) => subject !== null, { streamed: [2, 4, 5, 6, 7] }) }),
    'sequences rise without gap or repeat: its stream went from 2 to 4',
  ],
  [
    'a webhook of a removed generation that nobody has taken',
    ({ jobs, erasures }) => ({
      jobs: replaced(jobs, ({ accepted }) => accepted[0] === 'gen_2', { webhook: 'good', removedAt: ERASED_AT }),
      erasures: erasures.filter(() => false),
    }),
    'a webhook arrives at least once, under one id, signed: its webhook (good) was never taken, in 0 calls',
  ],
];

describe('a history must fail that has', () => {
  it.each(histories)('%s', (_name, spoil, expected) => {
    expect(broken(spoil)).toContain(expected);
  });
});
