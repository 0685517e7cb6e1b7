import { Random, randomIdentity } from '@likeness/portraits';
import { describe, expect, it } from 'vitest';
import { drawScene, drawStranger, drawSubject, noiseSeed } from './subjects.ts';

const subject = (index: number, seed = 0) => drawSubject({ seed, index, size: 32 });

describe('the people of an evaluation', () => {
  it('are the same every time, and others for every index and seed', async () => {
    const first = await subject(0);
    expect(await subject(0)).toEqual(first);
    expect((await subject(1)).identity).not.toEqual(first.identity);
    expect((await subject(0, 1)).identity).not.toEqual(first.identity);
  });

  it('are none of a data set, which is drawn from its seed alone', async () => {
    const { identity } = await subject(0);
    for (let index = 0; index < 100; index++) {
      expect(randomIdentity(new Random(0, index))).not.toEqual(identity);
      expect(randomIdentity(new Random(index))).not.toEqual(identity);
    }
  });

  it('have one noise for a prompt, whatever the row, and another for the next prompt', async () => {
    const first = await subject(0);
    expect(noiseSeed(first, 'snow', 0)).toBe(noiseSeed(first, 'snow', 0));
    expect(noiseSeed(first, 'snow', 0)).not.toBe(noiseSeed(first, 'beach', 0));
    expect(noiseSeed(first, 'snow', 0)).not.toBe(noiseSeed(first, 'snow', 1));
  });

  it('are photographed in a scene as often as is asked, differently', async () => {
    const first = await subject(0);
    const scene = (take: number) => drawScene(first, 'snow', { seed: 0, take, size: 32 });
    expect(scene(0)).toEqual(scene(0));
    expect(scene(0)).not.toEqual(scene(1));
    expect(scene(0)).toMatchObject({ width: 32, height: 32, channels: 3 });
  });

  it('and strangers come with all that is known of their pictures', () => {
    const { labels, landmarks, pixels } = drawStranger(3, 1, { seed: 0, size: 32 });
    expect([labels.length, landmarks.length, pixels.length]).toEqual([32 * 32, 10, 3 * 32 * 32]);
  });
});
