/**
 * Shops that order portraits while things break. Each of them writes down what it asked for and everything that it was told; it is as
 * patient as a shop should be: it repeats what got no answer under the same Idempotency-Key, and what it cannot repeat it leaves.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type Batch, type ErasureBegun, type Generation, type Subject, type Upload } from '@likeness/contracts';
import type { Answer, Client } from '../../tools/stack/client.ts';
import { readEvents } from './event-stream.ts';
import type { AskedAfter, ClientBatch, ClientJob, ClientPerson } from './history.ts';
import { BEHAVIOURS, type Behaviour } from './receivers.ts';
import type { Random } from './random.ts';

export interface WorkloadOptions {
  readonly client: Client;
  readonly random: Random;
  /** A picture that the service has, and its bytes: whoever is erased needs one of their own. */
  readonly upload: string;
  readonly photo: Uint8Array<ArrayBuffer>;
  /** `http://host:port` of the endpoints. */
  readonly receivers: string;
  /** Orders per second, on average. */
  readonly rate: number;
  /** Aborted when no shop shall order any more. */
  readonly closing: AbortSignal;
  /** Aborted when nothing can come of waiting any longer. */
  readonly givingUp: AbortSignal;
}

/** Something that the shop does while its job is under way, or once its end is known. */
interface Interruption {
  /** So many milliseconds after the answer, when a stage begins, or at the end. */
  readonly at: { readonly afterMs: number } | { readonly stage: string } | 'end';
  readonly act: (id: string, job: ClientJob) => Promise<void>;
}

interface Order {
  readonly job: ClientJob;
  readonly body: Record<string, unknown>;
  readonly interruption: Interruption | null;
  /** Whether to ask for the same again at the end. */
  readonly again: boolean;
  /** The same request twice at once. */
  readonly twice: boolean;
  readonly watch: 'poll' | 'long poll' | 'stream';
}

const REQUEST_MS = 10_000;
/** A stream that has not ended by then is opened anew. */
const STREAM_MS = 20_000;
/** As many orders as shops wait for at once. */
const MOST_OPEN = 16;
/** A pack stays for this long: to change it costs an inference process. */
const PACK_MS = 25_000;

export class Workload {
  readonly jobs: ClientJob[] = [];
  readonly batches: ClientBatch[] = [];
  readonly persons: ClientPerson[] = [];
  readonly #options: WorkloadOptions;
  readonly #start = Date.now();
  readonly #sketchy: boolean;
  #count = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#sketchy = options.random.chance(0.5);
  }

  /** Resolves when the end of every order is known, or no more is waited for. */
  async run(): Promise<void> {
    const { random, rate, closing } = this.#options;
    const open = new Set<Promise<void>>();
    while (!closing.aborted) {
      const work = random.chance(0.04)
        ? this.#serveBatch(random)
        : random.chance(0.05)
          ? this.#servePerson(random)
          : this.#serve(this.#plan(random));
      const served = work.finally(() => open.delete(served));
      open.add(served);
      await sleep(random.between(0, 2_000 / rate));
      if (open.size >= MOST_OPEN) await Promise.race(open);
    }
    await Promise.all(open);
  }

  #plan(random: Random, subject: string | null = null): Order {
    const order = `order-${++this.#count}`;
    const webhook: Behaviour | null = random.chance(0.6)
      ? random.chance(0.6)
        ? 'good'
        : random.pick(Object.keys(BEHAVIOURS) as Behaviour[])
      : null;
    const sketch = Math.floor((Date.now() - this.#start) / PACK_MS) % 3 === (this.#sketchy ? 0 : 1);
    const keyed = random.chance(0.6);
    return {
      job: {
        order,
        retryOf: null,
        idempotencyKey: keyed ? `key-of-${order}` : null,
        webhook,
        accepted: [],
        seen: [],
        streamed: [],
        pictures: [],
        canceledAt: null,
        subject,
        removedAt: null,
        removed: false,
        afterwards: [],
      },
      body: {
        input: {
          ...(subject === null ? { reference_images: [this.#options.upload] } : { subject }),
          prompt: 'a person at the window',
          pack: sketch ? 'sketch' : 'noop',
          num_images: random.between(1, 2),
          ...(sketch ? { steps: random.pick([2, 8, 25]) } : {}),
        },
        metadata: { order },
        ...(webhook === null ? {} : { webhook: `${this.#options.receivers}/${webhook}/${order}` }),
        ...(random.chance(0.1) ? { webhook_events_filter: ['started', 'progress', 'completed'] } : {}),
        ...(random.chance(0.1) ? { priority: random.pick(['low', 'high']) } : {}),
      },
      interruption: random.chance(0.7)
        ? null
        : random.chance(0.85)
          ? { at: moment(random), act: (id, job) => this.#cancel(id, job) }
          : { at: random.chance(0.4) ? 'end' : moment(random), act: (id, job) => this.#remove(id, job) },
      again: random.chance(0.08),
      twice: keyed && random.chance(0.2),
      watch: random.pick(['poll', 'long poll', 'stream']),
    };
  }

  async #serve(order: Order): Promise<void> {
    this.jobs.push(order.job);
    const ids = await Promise.all(Array.from({ length: order.twice ? 2 : 1 }, () => this.#create(order)));
    const id = ids.find((made) => made !== undefined);
    if (id === undefined) return;
    await this.#see(id, order);
    if (!order.again || this.#options.closing.aborted) return;
    const retry = {
      ...order.job,
      idempotencyKey: `again-${id}`,
      retryOf: id,
      accepted: [],
      seen: [],
      streamed: [],
      pictures: [],
      canceledAt: null,
      removedAt: null,
      removed: false,
      afterwards: [],
    };
    this.jobs.push(retry);
    const next = await this.#create({ ...order, job: retry });
    if (next !== undefined) await this.#see(next, { ...order, job: retry });
  }

  /** Follows a job to its end, interrupts it if that was the plan, and looks at its pictures. */
  async #see(id: string, order: Order): Promise<void> {
    const { interruption, job } = order;
    const { at, act } = interruption ?? {};
    const timed = typeof at === 'object' && 'afterMs' in at ? sleep(at.afterMs).then(() => act?.(id, job)) : undefined;
    const end = await this.#follow(id, order);
    await timed;
    for (const { id, url, sha256 } of end?.output ?? []) {
      const got = await this.#repeated(() => readPicture(url));
      if (got) job.pictures.push({ id, url, promised: sha256, got: got.sha256 });
    }
    if (at === 'end' && end) await act?.(id, job);
  }

  /** Somebody whose references are kept: a first portrait, then more, which need not parse and embed again, and an erasure meanwhile. */
  async #servePerson(random: Random): Promise<void> {
    const order = `order-person-${++this.#count}`;
    const person: ClientPerson = { order, made: [], erasedAt: null, erasures: [], receipt: null, afterwards: [] };
    this.persons.push(person);
    const form = new FormData();
    form.append('file', new Blob([this.#options.photo]), 'photo.jpg');
    const upload = await this.#repeated(() => this.#post<Upload>('/v1/uploads', form));
    if (upload?.status !== 201) return;
    const consent = { basis: 'consent', obtained_at: '2026-11-01T10:00:00Z', policy_version: '3' };
    const body = { reference_images: [upload.body.id], external_id: order, consent };
    const answer = await this.#repeated(() => this.#post<Subject>('/v1/subjects', body, `key-of-${order}`));
    if (answer?.status !== 201) return;
    const subject = answer.body.id;
    person.made.push(subject);
    const act = () => this.#erase(subject, person);
    const at: Interruption['at'] = random.chance(0.25) ? 'end' : moment(random);
    const plans = Array.from({ length: random.between(1, 3) }, () => this.#plan(random, subject));
    const last: Order = { ...this.#plan(random, subject), interruption: { at, act } };
    if (random.chance(0.7)) await this.#serve(plans.pop() ?? last);
    await Promise.all([...plans, last].map((plan) => this.#serve(plan)));
  }

  async #serveBatch(random: Random): Promise<void> {
    const { upload, receivers, givingUp } = this.#options;
    const order = `order-batch-${++this.#count}`;
    const good = random.between(2, 6);
    const input = { reference_images: [upload], prompt: 'a person on a bridge', pack: 'noop' };
    const items = Array.from({ length: good }, (_, i) => ({ custom_id: `item-${i}`, input, metadata: { order: `${order}-${i}` } }));
    const wrong = random.chance(0.5) ? [{ custom_id: 'wrong', input: { ...input, prompt: '' } }] : [];
    const webhook = random.chance(0.5);
    const batch: ClientBatch = { order, items: good + wrong.length, wrong: wrong.length, webhook, accepted: [], end: null };
    this.batches.push(batch);
    const body = { items: [...items, ...wrong], ...(webhook ? { webhook: `${receivers}/error-500/${order}` } : {}) };
    const answer = await this.#repeated(() => this.#post<Batch>('/v1/batches', body, `key-of-${order}`));
    if (answer?.status !== 202) return;
    const path = `/v1/batches/${answer.body.id}`;
    batch.accepted.push(answer.body.id);
    if (random.chance(0.2)) await this.#repeated(() => this.#post(`${path}/cancel`));
    while (!givingUp.aborted && (batch.end === null || batch.end.status === 'processing')) {
      await sleep(1_000);
      const told = await this.#repeated(() => this.#call<Batch>('GET', path));
      if (told?.status === 200) batch.end = told.body;
    }
  }

  #post<T>(path: string, body?: unknown, key: string | null = null): Promise<Answer<T>> {
    return this.#call<T>('POST', path, body, key === null ? {} : { 'idempotency-key': key });
  }

  #call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.#options.client.call<T>(method, path, body, headers, AbortSignal.timeout(REQUEST_MS));
  }

  /** The id that was answered. Without a key an answer that got lost is not asked for again: that would be a second order. */
  async #create({ job, body }: Order): Promise<string | undefined> {
    const key = job.idempotencyKey;
    const create = () =>
      job.retryOf === null
        ? this.#post<Generation>('/v1/generations', body, key)
        : this.#post<Generation>(`/v1/generations/${job.retryOf}/retry`, undefined, key);
    const answer = key === null ? await create().catch(() => undefined) : await this.#repeated(create);
    if (answer?.status !== 202) return undefined;
    job.accepted.push(answer.body.id);
    return answer.body.id;
  }

  async #follow(id: string, order: Order): Promise<Generation | undefined> {
    if (order.watch === 'stream') await this.#stream(id, order);
    const { givingUp } = this.#options;
    const { job, watch } = order;
    while (!givingUp.aborted) {
      const path = `/v1/generations/${id}${watch === 'long poll' && job.seen.length > 0 ? '?wait=3' : ''}`;
      const answer = await this.#repeated(() => this.#call<Generation>('GET', path));
      if (answer?.status === 200) {
        await this.#saw(id, order, answer.body);
        if (isTerminal(answer.body.status)) return answer.body;
      }
      await sleep(watch === 'long poll' ? 50 : 200);
    }
    return undefined;
  }

  /** Until the event of the end has come. */
  async #stream(id: string, order: Order): Promise<void> {
    const { client, givingUp } = this.#options;
    const { streamed } = order.job;
    while (!givingUp.aborted) {
      try {
        for await (const { id: sequence, type, data } of readEvents(
          client,
          id,
          streamed.at(-1),
          AbortSignal.any([givingUp, AbortSignal.timeout(STREAM_MS)]),
        )) {
          streamed.push(sequence);
          await this.#saw(id, order, { ...(data as Generation), sequence });
          if (type === 'completed') return;
        }
      } catch {
        // The API is away, or its connection broke: the next one begins where this one ended.
      }
      await sleep(200);
    }
  }

  async #saw(id: string, { interruption, job }: Order, { status, sequence, stage }: Generation): Promise<void> {
    const { at, act } = interruption ?? {};
    const reached = typeof at === 'object' && 'stage' in at && stage === at.stage && job.seen.every((seen) => seen.stage !== stage);
    job.seen.push({ at: Date.now(), status, sequence, stage });
    if (reached) await act?.(id, job);
  }

  async #cancel(id: string, job: ClientJob): Promise<void> {
    job.canceledAt = Date.now();
    await this.#repeated(() => this.#post(`/v1/generations/${id}/cancel`));
  }

  async #remove(id: string, job: ClientJob): Promise<void> {
    job.removedAt = Date.now();
    const answer = await this.#repeated(() => this.#call('DELETE', `/v1/generations/${id}`));
    if (!answer) return;
    job.removed = true;
    await this.#look(job.afterwards, job.pictures);
  }

  /** From the answer on nothing is made of the person, and none of their pictures is shown. */
  async #erase(subject: string, person: ClientPerson): Promise<void> {
    person.erasedAt = Date.now();
    const answer = await this.#repeated(() => this.#call<ErasureBegun>('DELETE', `/v1/subjects/${subject}`));
    if (answer?.status !== 202) return;
    person.erasures.push(answer.body.erasure_id);
    const shown = await this.#repeated(() => this.#call('GET', `/v1/subjects/${subject}`));
    if (shown) person.afterwards.push({ what: 'the subject', wanted: '410', got: String(shown.status) });
    const input = { subject, prompt: 'a person who is gone', pack: 'noop' };
    const made = await this.#repeated(() => this.#post<{ code?: string }>('/v1/generations', { input }));
    if (made) person.afterwards.push({ what: 'one more generation', wanted: 'subject_erased', got: made.body.code ?? String(made.status) });
    for (const job of this.jobs.filter((job) => job.subject === subject)) await this.#look(person.afterwards, job.pictures);
  }

  async #look(afterwards: AskedAfter[], pictures: ClientJob['pictures']): Promise<void> {
    for (const { id, url } of pictures) {
      const got = await this.#repeated(() => readPicture(url));
      if (got) afterwards.push({ what: `the picture ${id}`, wanted: '410', got: String(got.status) });
    }
  }

  /** Asks again while there is no answer, or one that says to come back. */
  async #repeated<T extends { readonly status: number; readonly body?: unknown }>(ask: () => Promise<T>): Promise<T | undefined> {
    for (let wait = 100; !this.#options.givingUp.aborted; wait = Math.min(wait * 2, 2_000)) {
      const answer = await ask().catch(() => undefined);
      if (answer && answer.status < 500 && (answer.body as { code?: string } | undefined)?.code !== 'idempotency_in_progress')
        return answer;
      await sleep(wait);
    }
    return undefined;
  }
}

const moment = (random: Random): { afterMs: number } | { stage: string } =>
  random.chance(0.5) ? { afterMs: random.between(0, 2_000) } : { stage: random.pick(['parse', 'embed', 'sample']) };

/** `sha256` is the status when it is none of 200. */
export async function readPicture(url: string): Promise<{ status: number; sha256: string }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS) });
  const bytes = Buffer.from(await response.arrayBuffer());
  const { status } = response;
  return { status, sha256: status === 200 ? createHash('sha256').update(bytes).digest('hex') : String(status) };
}
