import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { LikenessError, newId } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import type { Parts } from '../parts.ts';
import type { GenerationView } from './generations.store.ts';
import { streamEvents } from './stream-events.ts';

const id = newId('generation');
const seen = { id, status: 'queued', stage: null, sequence: 1, progress: null } as unknown as GenerationView;

/** A stream whose waits give what `wait` gives; nothing else of the API is there. */
function stream(wait: () => Promise<unknown>): Readable {
  const parts = { changes: { closing: new AbortController().signal, wait } } as unknown as Parts;
  const reader = { tenantId: newId('tenant'), after: undefined, signal: new AbortController().signal };
  return Readable.from(streamEvents(parts, seen, reader), { objectMode: false });
}

describe('the stream of events', () => {
  it('reads no further than its reader', async () => {
    let waits = 0;
    const events = Array.from({ length: 200 }, (_, i) => ({
      type: 'status',
      status: 'queued',
      stage: null,
      sequence: i + 2,
      progress: null,
    }));
    const readable = stream(() => Promise.resolve((waits++, { status: 'queued', sequence: 1, over: false, events })));
    const stuck = new Writable({ write: () => undefined }); // takes one piece and is not done with it
    readable.pipe(stuck);
    await sleep(50);
    expect(waits).toBeGreaterThan(0);
    expect(waits).toBeLessThan(6); // 200 events are 24 kB; the stream buffers 64
    readable.destroy();
    stuck.destroy();
  });

  it('says so when nothing happens', async () => {
    let waits = 0;
    const readable = stream(() => Promise.resolve(waits++ < 2 ? undefined : 'gone'));
    const text = (await readable.toArray()).join('');
    expect(text.split('\n\n').slice(1)).toEqual([
      `id: 1\nevent: status\ndata: ${JSON.stringify({ id, status: 'queued', stage: null, sequence: 1, progress: null })}`,
      ': ping',
      ': ping',
      '',
    ]);
  });

  it('ends in order when the database is away, and not otherwise', async () => {
    const away = stream(() => Promise.reject(new LikenessError('unavailable', 'The database does not answer.')));
    expect((await away.toArray()).length).toBe(2);
    await expect(stream(() => Promise.reject(new Error('a mistake'))).toArray()).rejects.toThrow('a mistake');
  });
});
