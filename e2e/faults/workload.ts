/**
 * Shops that order portraits while things break. Each of them writes down what it asked for and everything that it was told; it is as
 * patient as a shop should be: it repeats what got no answer under the same Idempotency-Key, and what it cannot repeat it leaves.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type Batch, type Generation } from '@likeness/contracts';
import type { Answer, Client } from '../../tools/stack/client.ts';
import { readEvents } from './event-stream.ts';
import type { ClientBatch, ClientJob } from './history.ts';
import { BEHAVIOURS, type Behaviour } from './receivers.ts';
import type { Random } from './random.ts';

export interface WorkloadOptions {
  readonly client: Client;
  readonly random: Random;
  /** A picture that the service has. */
  readonly upload: string;
  /** `http://host:port` of the endpoints. */
  readonly receivers: string;
  /** Orders per second, on average. */
  readonly rate: number;
  /** Aborted when no shop shall order any more. */
  readonly closing: AbortSignal;
  /** Aborted when nothing can come of waiting any longer. */
  readonly givingUp: AbortSignal;
}

interface Order {
  readonly job: ClientJob;
  readonly body: Record<string, unknown>;
  /** When to cancel: so many milliseconds after the answer, or when a stage begins. */
  readonly cancel: { readonly afterMs: number } | { readonly atStage: string } | null;
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
      const work = random.chance(0.04) ? this.#serveBatch(random) : this.#serve(this.#plan(random));
      const served = work.finally(() => open.delete(served));
      open.add(served);
      await sleep(random.between(0, 2_000 / rate));
      if (open.size >= MOST_OPEN) await Promise.race(open);
    }
    await Promise.all(open);
  }

  #plan(random: Random): Order {
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
      },
      body: {
        input: {
          reference_images: [this.#options.upload],
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
      cancel: random.chance(0.7)
        ? null
        : random.chance(0.5)
          ? { afterMs: random.between(0, 2_000) }
          : { atStage: random.pick(['parse', 'embed', 'sample']) },
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
    };
    this.jobs.push(retry);
    const next = await this.#create({ ...order, job: retry });
    if (next !== undefined) await this.#see(next, { ...order, job: retry });
  }

  /** Follows a job to its end, cancels it if that was the plan, and looks at its pictures. */
  async #see(id: string, order: Order): Promise<void> {
    const { cancel, job } = order;
    const timed = cancel && 'afterMs' in cancel ? sleep(cancel.afterMs).then(() => this.#cancel(id, job)) : undefined;
    const end = await this.#follow(id, order);
    await timed;
    for (const artifact of end?.output ?? []) {
      const got = await this.#repeated(async () => {
        const response = await fetch(artifact.url, { signal: AbortSignal.timeout(REQUEST_MS) });
        const bytes = Buffer.from(await response.arrayBuffer());
        return { status: response.status, body: createHash('sha256').update(bytes).digest('hex') };
      });
      if (got) job.pictures.push({ id: artifact.id, promised: artifact.sha256, got: got.status === 200 ? got.body : String(got.status) });
    }
  }

  async #serveBatch(random: Random): Promise<void> {
    const { client, upload, receivers, givingUp } = this.#options;
    const order = `order-batch-${++this.#count}`;
    const good = random.between(2, 6);
    const input = { reference_images: [upload], prompt: 'a person on a bridge', pack: 'noop' };
    const items = Array.from({ length: good }, (_, i) => ({ custom_id: `item-${i}`, input, metadata: { order: `${order}-${i}` } }));
    const wrong = random.chance(0.5) ? [{ custom_id: 'wrong', input: { ...input, prompt: '' } }] : [];
    const webhook = random.chance(0.5);
    const batch: ClientBatch = { order, items: good + wrong.length, wrong: wrong.length, webhook, accepted: [], end: null };
    this.batches.push(batch);
    const body = { items: [...items, ...wrong], ...(webhook ? { webhook: `${receivers}/error-500/${order}` } : {}) };
    const answer = await this.#repeated(() => this.#post<Batch>('/v1/batches', body, `key-of-${order}`), [409]);
    if (answer?.status !== 202) return;
    const path = `/v1/batches/${answer.body.id}`;
    batch.accepted.push(answer.body.id);
    if (random.chance(0.2)) await this.#repeated(() => this.#post(`${path}/cancel`));
    while (!givingUp.aborted && (batch.end === null || batch.end.status === 'processing')) {
      await sleep(1_000);
      const told = await this.#repeated(() => client.call<Batch>('GET', path, undefined, {}, AbortSignal.timeout(REQUEST_MS)));
      if (told?.status === 200) batch.end = told.body;
    }
  }

  #post<T>(path: string, body?: unknown, key: string | null = null): Promise<Answer<T>> {
    const headers: Record<string, string> = key === null ? {} : { 'idempotency-key': key };
    return this.#options.client.call<T>('POST', path, body, headers, AbortSignal.timeout(REQUEST_MS));
  }

  /** The id that was answered. Without a key an answer that got lost is not asked for again: that would be a second order. */
  async #create({ job, body }: Order): Promise<string | undefined> {
    const key = job.idempotencyKey;
    const create = () =>
      job.retryOf === null
        ? this.#post<Generation>('/v1/generations', body, key)
        : this.#post<Generation>(`/v1/generations/${job.retryOf}/retry`, undefined, key);
    const answer = key === null ? await create().catch(() => undefined) : await this.#repeated(create, [409]);
    if (answer?.status !== 202) return undefined;
    job.accepted.push(answer.body.id);
    return answer.body.id;
  }

  async #follow(id: string, order: Order): Promise<Generation | undefined> {
    if (order.watch === 'stream') await this.#stream(id, order);
    const { client, givingUp } = this.#options;
    const { job, watch } = order;
    while (!givingUp.aborted) {
      const path = `/v1/generations/${id}${watch === 'long poll' && job.seen.length > 0 ? '?wait=3' : ''}`;
      const answer = await this.#repeated(() => client.call<Generation>('GET', path, undefined, {}, AbortSignal.timeout(REQUEST_MS)));
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

  async #saw(id: string, { cancel, job }: Order, { status, sequence, stage }: Generation): Promise<void> {
    job.seen.push({ at: Date.now(), status, sequence });
    if (cancel && 'atStage' in cancel && stage === cancel.atStage && job.canceledAt === null) await this.#cancel(id, job);
  }

  async #cancel(id: string, job: ClientJob): Promise<void> {
    job.canceledAt = Date.now();
    await this.#repeated(() => this.#post(`/v1/generations/${id}/cancel`));
  }

  /** Asks again while there is no answer, or one that says to come back. */
  async #repeated<T extends Pick<Answer<unknown>, 'status'>>(ask: () => Promise<T>, also: readonly number[] = []): Promise<T | undefined> {
    for (let wait = 100; !this.#options.givingUp.aborted; wait = Math.min(wait * 2, 2_000)) {
      const answer = await ask().catch(() => undefined);
      if (answer && answer.status < 500 && !also.includes(answer.status)) return answer;
      await sleep(wait);
    }
    return undefined;
  }
}
