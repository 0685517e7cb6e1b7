import { expect, it } from 'vitest';
import { useJourney } from './testing/journey.ts';
import { pauseClass, resumeClass } from './worker-classes.ts';

const journey = useJourney();

it('a paused class claims nothing, other classes do; what was held ends', async () => {
  const j = journey();
  const [held, waiting, further] = [await j.create(), await j.create(), await j.create()];
  const stage = await j.claimed(held.stageId);
  const embed = await j.advanceTo('embed', further);

  const since = await pauseClass(j.db, 'parsing');
  expect(await pauseClass(j.db, 'parsing')).toEqual(since);
  expect(await j.claim(waiting.stageId)).toBeNull();
  expect((await j.stage(waiting.stageId)).status).toBe('queued');
  expect(await j.claim(embed)).not.toBeNull();
  expect(await j.complete(stage)).toBe(true);

  await resumeClass(j.db, 'parsing');
  expect(await j.claim(waiting.stageId)).not.toBeNull();
});

it('a class that is resumed gets what it met while it was paused once more, under a new number', async () => {
  const j = journey();
  const { stageId } = await j.create();
  await j.relay();
  await pauseClass(j.db, 'parsing');
  expect(await j.claim(stageId)).toBeNull(); // its message is used up with that
  expect(await j.messages(stageId)).toEqual([]);
  await resumeClass(j.db, 'parsing');
  expect((await j.messages(stageId)).map(({ n }) => n)).toEqual([2]);
  await resumeClass(j.db, 'parsing'); // it is not paused: nothing is sent twice
  expect(await j.messages(stageId)).toHaveLength(1);
});
