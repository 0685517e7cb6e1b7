import { newId } from '@likeness/contracts';
import { createSigner } from '@likeness/platform/links';
import { describe, expect, it } from 'vitest';
import { presentPrediction, streamEvents, type Links, type PredictionRow } from './prediction.ts';

const publicUrl = 'https://likeness.example';
const links: Links = { publicUrl, signer: createSigner('a secret of more than 32 characters', publicUrl, () => 0), seconds: 60 };
const upload = newId('upload');
const input = {
  ...{ reference_images: [upload], prompt: 'a person', negative_prompt: '', num_images: 1, width: 256, height: 256, steps: 20 },
  ...{
    scheduler: 'euler',
    guidance_scale: 5,
    merge_step: 0.6,
    identity_scale: 1,
    seed: 7,
    facial_regions: [],
    pack: 'sketch',
    format: 'png',
  },
} as unknown as PredictionRow['input'];
const change = (
  type: string,
  status: PredictionRow['status'],
  stage: 'parse' | 'sample' | null,
  step?: number,
): PredictionRow['changes'][number] => ({
  ...{ type, status, stage },
  progress: step === undefined ? null : { step, total: 20 },
});
const begun = [change('status', 'queued', 'parse'), change('status', 'processing', 'parse'), change('status', 'processing', 'parse')];
const sampling = [...begun, change('status', 'processing', 'sample'), change('progress', 'processing', 'sample', 5)];
const row = (values: Partial<PredictionRow>): PredictionRow => ({
  ...{ id: newId('generation'), status: 'queued', input, pack: { name: 'sketch', version: '1' }, error: null, webhook_url: null },
  ...{
    webhook_events: ['completed'],
    data_removed: false,
    deadline_at: null,
    created_at: new Date(0),
    started_at: null,
    completed_at: null,
  },
  ...{ output: [], changes: [] },
  ...values,
});
const error = { code: 'no_face_detected', title: '', detail: 'No face.', hint: '', retryable: false, stage: 'parse' } as const;
const ended = { started_at: new Date(500), completed_at: new Date(2_000) };

describe('a prediction', () => {
  it.each([
    ['queued', 'starting'],
    ['processing', 'processing'],
    ['succeeded', 'succeeded'],
    ['failed', 'failed'],
    ['canceled', 'canceled'],
    ['expired', 'canceled'],
  ] as const)('that is %s is %s', (status, shown) => {
    expect(presentPrediction(row({ status }), links).status).toBe(shown);
  });

  it('shows its input under the names of the facade, its pictures as files', () => {
    const { input: shown } = presentPrediction(row({}), links);
    expect(shown).toMatchObject({
      image: `${publicUrl}/v1/files/${upload}`,
      num_outputs: 1,
      num_inference_steps: 20,
      output_format: 'png',
    });
    for (const name of ['reference_images', 'num_images', 'steps', 'format', 'pack']) expect(shown).not.toHaveProperty(name);
    const two = presentPrediction(row({ input: { ...input, reference_images: [upload, 'https://h/b.jpg'] } }), links).input;
    expect(two).toMatchObject({ reference_images: [`${publicUrl}/v1/files/${upload}`, 'https://h/b.jpg'] });
    expect(two).not.toHaveProperty('image');
  });

  it('has links that are good for their time, seconds, and the reason with its code', () => {
    const done = presentPrediction(row({ status: 'succeeded', output: ['art_1', 'art_2'], ...ended }), links);
    expect(done.output?.map((url) => new URL(url).pathname)).toEqual(['/v1/artifacts/art_1', '/v1/artifacts/art_2']);
    expect(() =>
      links.signer.verify('GET', '/v1/artifacts/art_2', Object.fromEntries(new URL(done.output?.[1] ?? '').searchParams)),
    ).not.toThrow();
    expect(done.metrics).toEqual({ predict_time: 1.5, total_time: 2 });
    expect(presentPrediction(row({ status: 'failed', error, ...ended }), links).error).toBe('No face. (no_face_detected)');
  });

  it('says nothing of what is removed', () => {
    const gone = presentPrediction(row({ status: 'succeeded', output: ['art_1'], data_removed: true, changes: sampling }), links);
    expect(gone).toMatchObject({ input: {}, output: null, logs: '', data_removed: true });
    expect(streamEvents(row({ status: 'succeeded', data_removed: true, changes: sampling }), links)).toEqual([
      { event: 'done', data: '{}' },
    ]);
  });

  it('has a line for each stage and each progress', () => {
    const { logs } = presentPrediction(row({ status: 'processing', changes: sampling }), links);
    expect(logs).toBe('Using seed: 7\nStage: parse\nStage: sample\n 25%|██        | 5/20\n');
    const end = [...sampling, change('completed', 'succeeded', null)];
    expect(presentPrediction(row({ status: 'succeeded', changes: end }), links).logs).toBe(`${logs}100%|██████████| 20/20\n`);
  });
});

describe('a stream', () => {
  it('only ever grows, until it is done', () => {
    const end = [...sampling, change('completed', 'succeeded', null)];
    const stages = [
      row({}),
      row({ status: 'processing', changes: begun }),
      row({ status: 'processing', changes: sampling }),
      row({ status: 'succeeded', changes: end, output: ['art_1'] }),
    ].map((state) => streamEvents(state, links));
    for (const [i, events] of stages.entries()) expect(events.slice(0, stages[i - 1]?.length ?? 0)).toEqual(stages[i - 1] ?? []);
    expect(
      stages
        .at(-1)
        ?.slice(-2)
        .map(({ event }) => event),
    ).toEqual(['output', 'done']);
  });

  it('ends with the reason', () => {
    const last = (values: Partial<PredictionRow>) => streamEvents(row(values), links).slice(1);
    expect(last({ status: 'failed', error })).toEqual([
      { event: 'error', data: 'No face. (no_face_detected)' },
      { event: 'done', data: '{"reason":"error"}' },
    ]);
    expect(last({ status: 'canceled' })).toEqual([{ event: 'done', data: '{"reason":"canceled"}' }]);
    expect(last({ status: 'expired' })).toEqual([{ event: 'done', data: '{"reason":"canceled"}' }]);
  });
});
