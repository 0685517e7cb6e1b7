/** Every order and every receipt is asked for once more at the end: what had ended is as it was, what was to go has gone. */
import type { Erasure, Generation } from '@likeness/contracts';
import { patiently } from './fault.ts';
import type { AskedAfter, ClientJob } from './history.ts';
import { readPicture, type Workload } from './workload.ts';
import type { World } from './world.ts';

export async function lastLook({ client }: World, { jobs, persons }: Workload): Promise<void> {
  const erased = new Set(persons.filter(({ erasures }) => erasures.length > 0).flatMap(({ made }) => made));
  const call = <T>(method: string, path: string) => patiently(() => client.call<T>(method, path));
  for (const job of jobs) {
    const [id] = job.accepted;
    if (id === undefined) continue;
    const { status, body } = await call<Generation>('GET', `/v1/generations/${id}`);
    if (status === 200) job.seen.push({ at: Date.now(), status: body.status, sequence: body.sequence, stage: body.stage });
    if (!job.removed && !erased.has(job.subject ?? '')) continue;
    job.afterwards.push({
      what: 'the generation',
      wanted: describe({ data_removed: true, input: null, output: null }),
      got: describe(body),
    });
    job.afterwards.push(...(await Promise.all(job.pictures.map(pictureAfter))));
    const again = await call('DELETE', `/v1/generations/${id}`);
    job.afterwards.push({ what: 'its removal', wanted: '204', got: String(again.status) });
  }
  for (const person of persons)
    for (const id of person.erasures.slice(-1)) person.receipt = (await call<Erasure>('GET', `/v1/erasures/${id}`)).body;
}

const describe = ({ data_removed, input, output }: Pick<Generation, 'data_removed' | 'input' | 'output'>): string =>
  JSON.stringify({ data_removed, input, output });

async function pictureAfter({ id, url }: ClientJob['pictures'][number]): Promise<AskedAfter> {
  const { status } = await patiently(() => readPicture(url));
  return { what: `the picture ${id}`, wanted: '410', got: String(status) };
}
