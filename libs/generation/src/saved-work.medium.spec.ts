/** What a stage shows and saves on its way: a state to go on from, and previews. */
import { LikenessError, type GenerationId, type StageId } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import { requestCancel } from './generation.store.ts';
import type { ClaimedStage } from './generation.ts';
import { StagePaused, type StageContext, type StageWork } from './run-stage.ts';
import { useJourney } from './testing/journey.ts';
import { bytes, keepAll, untilAborted, useRuns } from './testing/runs.ts';

const journey = useJourney();
const runs = useRuns(journey);
const run = (stageId: StageId, work: StageWork) => runs().run(stageId, work);
const keysOf = (id: string) => runs().keysOf(id);

describe('a stage that is paused', () => {
  const pauseWith = (state: string) => async (context: StageContext) => {
    context.worked(1_500);
    await context.keep('face', bytes('unfinished'));
    throw new StagePaused(Buffer.from(state));
  };
  const text = (state: Uint8Array | null) => state && Buffer.from(state).toString();
  /** The keys of what the generation has in the store, without its own part. */
  const left = async (id: string) => (await keysOf(id)).map((key) => key.split('/').slice(3).join('/'));
  /** Runs a stage to its end; gives back what it began with. */
  const goOn = async (stageId: StageId) => {
    let saved: string | null = 'nothing was asked';
    const outcome = await run(stageId, async (context) => {
      saved = text(await context.saved());
      context.worked(500);
      await keepAll(context);
    });
    return { outcome, saved };
  };

  it('goes back without its attempt being counted; the next one begins where it was, and nothing stays behind', async () => {
    const { id, stageId } = await journey().create();
    expect(await run(stageId, pauseWith('step 7'))).toBe('handed_back');
    expect(await journey().stage(stageId)).toMatchObject({ status: 'queued', attempt: 1, max_attempts: 4, error: null });
    expect((await journey().messages(stageId)).at(-1)).toMatchObject({ n: 2, delay: 0 });
    expect(await left(id)).toEqual(['parse/1/resume-0']);

    expect(await goOn(stageId)).toEqual({ outcome: 'completed', saved: 'step 7' });
    expect(await journey().stage(stageId)).toMatchObject({ resume: null, gpu_seconds: 2 });
    expect((await left(id)).filter((key) => key.includes('resume'))).toEqual([]);
  });

  it('may be paused again, which replaces what was saved', async () => {
    const { id, stageId } = await journey().create();
    await run(stageId, pauseWith('step 7'));
    await run(stageId, pauseWith('step 9'));
    expect(await left(id)).toEqual(['parse/2/resume-0']);
    expect(await goOn(stageId)).toEqual({ outcome: 'completed', saved: 'step 9' });
    expect(await journey().stage(stageId)).toMatchObject({ gpu_seconds: 3.5 });
  });

  it('keeps what was saved when the next worker dies, or has to go before it has come further', async () => {
    const { id, stageId } = await journey().create();
    await run(stageId, pauseWith('step 7'));
    await journey().claimed(stageId);
    await journey().lapse(stageId);
    const shutdown = new AbortController();
    const running = runs().run(stageId, untilAborted, { shutdown: shutdown.signal });
    await expect.poll(async () => (await journey().stage(stageId)).attempt).toBe(3);
    shutdown.abort();
    expect(await running).toBe('handed_back');
    expect(await left(id)).toEqual(['parse/1/resume-0']);
    expect(await goOn(stageId)).toEqual({ outcome: 'completed', saved: 'step 7' });
  });

  it('begins anew after an error: it may have come of what was saved', async () => {
    const { id, stageId } = await journey().create();
    await run(stageId, pauseWith('step 7'));
    expect(await run(stageId, () => Promise.reject(new LikenessError('worker_lost', 'Crashed.')))).toBe('will_retry');
    expect(await left(id)).toEqual([]);
    expect(await goOn(stageId)).toEqual({ outcome: 'completed', saved: null });
  });

  it.each([
    ['gone', (key: string) => runs().store.remove([key])],
    ['damaged', (key: string) => runs().objects.put(key, Buffer.from('not what was written'), { contentType: 'text/plain' })],
    ['another one', async (key: string, stage: ClaimedStage) => runs().store.put(key, Buffer.from('step 8'), { contentType: 'text/plain', dataKey: stage.data_key })], // prettier-ignore
  ])('begins anew when what was saved is %s', async (_, damage) => {
    const { id, stageId } = await journey().create();
    let stage: ClaimedStage | undefined;
    await run(stageId, async (context) => {
      stage = context.stage;
      await pauseWith('step 7')(context);
    });
    await damage((await keysOf(id))[0]!, stage!);
    expect(await goOn(stageId)).toEqual({ outcome: 'completed', saved: null });
    expect((await left(id)).filter((key) => key.includes('resume'))).toEqual([]);
  });

  it('ends as canceled when a cancel was asked for meanwhile, and saves nothing', async () => {
    const { id, stageId } = await journey().create();
    const outcome = await run(stageId, async (context) => {
      await requestCancel(journey().db, journey().tenantId, id);
      await pauseWith('step 7')(context);
    });
    expect(outcome).toBe('canceled');
    expect(await left(id)).toEqual([]);
  });

  it('changes nothing when its lease is lost, and leaves nothing', async () => {
    const { id, stageId } = await journey().create();
    let before: unknown;
    const outcome = await run(stageId, async (context) => {
      await journey().lapse(stageId);
      await journey().claimed(stageId);
      before = await journey().everything(id);
      await pauseWith('step 7')(context);
    });
    expect(outcome).toBe('lost');
    expect(await journey().everything(id)).toEqual(before);
    expect(await left(id)).toEqual([]);
  });

  it('goes back all the same when the store does not take what it saves', async () => {
    const { stageId } = await journey().create();
    const store = runs().refusing('resume-0', 1, new LikenessError('storage_unavailable', 'The store is away.'));
    expect(await runs().run(stageId, pauseWith('step 7'), { store })).toBe('handed_back');
    expect(await goOn(stageId)).toEqual({ outcome: 'completed', saved: null });
  });

  it('takes what was saved along when it is canceled', async () => {
    const { id, stageId } = await journey().create();
    await run(stageId, pauseWith('step 7'));
    const running = run(stageId, untilAborted);
    await expect.poll(async () => (await journey().stage(stageId)).status).toBe('processing');
    await requestCancel(journey().db, journey().tenantId, id);
    expect(await running).toBe('canceled');
    expect(await left(id)).toEqual([]);
    expect(await journey().stage(stageId)).toMatchObject({ resume: null });
  });
});

describe('previews', () => {
  const shown = async (id: GenerationId) => ((await journey().generation(id))['progress'] as { preview?: string } | null)?.preview;
  const previewsOf = async (id: string) => (await keysOf(id)).filter((key) => key.includes('preview'));

  it('are shown by their key, two at the most, and gone with the end of the stage', async () => {
    const { id, stageId } = await journey().create();
    let most = 0;
    await run(stageId, async (context) => {
      for (let step = 1; step <= 4; step++) {
        context.progress({ step, total: 9 }, Buffer.from(`picture ${step}`));
        const key = `t/${journey().tenantId}/${id}/parse/1/preview-${step}`;
        await expect.poll(() => shown(id)).toBe(key);
        expect(Buffer.from(await runs().store.get(key, context.stage.data_key)).toString()).toBe(`picture ${step}`);
        most = Math.max(most, (await previewsOf(id)).length);
      }
      context.progress({ step: 5, total: 9 });
      await expect.poll(async () => (await journey().generation(id))['progress']).toMatchObject({ step: 5, preview: await shown(id) });
      await keepAll(context);
    });
    expect(most).toBe(2);
    expect(await previewsOf(id)).toEqual([]);
    expect(await shown(id)).toBeUndefined();
  });

  it.each([
    ['fails', () => Promise.reject(new LikenessError('image_unreadable', 'No.'))],
    ['is paused', () => Promise.reject(new StagePaused(Buffer.from('state')))],
  ])('are gone when the stage %s', async (_, end) => {
    const { id, stageId } = await journey().create();
    await run(stageId, async (context) => {
      context.progress({ step: 1, total: 9 }, Buffer.from('picture'));
      await expect.poll(() => shown(id)).toBeDefined();
      context.progress({ step: 2, total: 9 }, Buffer.from('picture')); // still on its way
      await end();
    });
    expect(await previewsOf(id)).toEqual([]);
  });

  it('that cannot be written harm nothing', async () => {
    const { id, stageId } = await journey().create();
    const store = runs().refusing('preview', 9, new Error('away'));
    const outcome = await runs().run(
      stageId,
      async (context) => {
        context.progress({ step: 1, total: 2 }, Buffer.from('picture'));
        await expect.poll(async () => (await journey().generation(id))['progress']).toEqual({ step: 1, total: 2 });
        await keepAll(context);
      },
      { store },
    );
    expect(outcome).toBe('completed');
  });
});
