/** One run: a system, shops, faults by seed; then quiet, a sweep, and the judgement of its history. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebhookEndpointWithSecret } from '@likeness/contracts';
import { createLogger } from '@likeness/platform/telemetry';
import { sweepOrphans } from '../../apps/dispatcher/src/sweep-retention.ts';
import { checkHistory } from './check-history.ts';
import { hurryDeliveries, readOpen, readQuiet, readRows } from './database.ts';
import { patiently, type Fault } from './fault.ts';
import type { FaultRecord, History, Quiet } from './history.ts';
import { PATIENCE_MS, type Violation } from './invariant.ts';
import { lastLook } from './last-look.ts';
import { processFaults } from './process-faults.ts';
import { Random } from './random.ts';
import type { Behaviour } from './receivers.ts';
import { recoveries, type Recovery } from './recovery.ts';
import { serverFaults } from './server-faults.ts';
import { Workload } from './workload.ts';
import { startWorld, type Profile, type World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  /** How long things break; the start, the quiet after it and the judgement come on top. */
  readonly minutes: number;
  readonly profile: Profile;
  /** Orders per second; 1.5 when absent. */
  readonly rate?: number;
  /** Only faults whose kinds hold one of these words. */
  readonly only?: readonly string[] | undefined;
  readonly say: (line: string) => void;
}

export interface Report {
  readonly seed: number;
  readonly profile: Profile;
  readonly minutes: number;
  readonly jobs: number;
  readonly ends: Readonly<Record<string, number>>;
  readonly claims: number;
  readonly webhooks: number;
  readonly faults: number;
  readonly recoveries: readonly Recovery[];
  readonly violations: readonly Violation[];
  /** Where the logs and the history lie, when something broke. */
  readonly logs: string | undefined;
  readonly history: History;
}

/** Older than any object can be: the sweep of orphans spares the objects of its last day. */
const LONG_AFTER_MS = 25 * 3_600_000;
const SETTLE_MS = 60_000;

export async function runFaults(options: RunOptions): Promise<Report> {
  const { seed, minutes, profile, say } = options;
  const random = new Random(seed);
  const world = await startWorld(profile, say);
  let logs: string | undefined;
  try {
    const history = await live(world, random, options);
    const violations = checkHistory(history);
    const { generations, changes, receipts, faults } = history;
    if (violations.length > 0) await writeFile(join(world.stack.directory.path, 'logs', 'history.json'), JSON.stringify(history, null, 1));
    logs = await world.close(violations.length > 0);
    return {
      seed,
      profile,
      minutes,
      jobs: generations.length,
      ends: Object.fromEntries(
        Object.entries(Object.groupBy(generations, (row) => row.status)).map(([status, rows]) => [status, rows.length]),
      ),
      claims: changes.filter((change) => change.of === 'stage' && change.to === 'processing').length,
      webhooks: receipts.length,
      faults: faults.length,
      recoveries: recoveries(history),
      violations,
      logs: violations.length > 0 ? logs : undefined,
      history,
    };
  } finally {
    if (logs === undefined) say(`the logs are in ${await world.close(true)}`);
  }
}

async function live(world: World, random: Random, options: RunOptions): Promise<History> {
  const { say } = options;
  const photo = new Uint8Array(await readFile(new URL('../../samples/portrait.jpg', import.meta.url)));
  const closing = new AbortController();
  const givingUp = new AbortController();
  const workload = new Workload({
    client: world.client,
    random: random.fork(),
    upload: (await world.client.upload(photo)).id,
    photo,
    receivers: `http://127.0.0.1:${world.proxies.receivers?.port}`,
    rate: options.rate ?? 1.5,
    closing: closing.signal,
    givingUp: givingUp.signal,
  });
  const endpoints = await addEndpoints(world);
  const shopping = workload.run();
  const faults = await breakThings(world, random.fork(), options);
  closing.abort();
  say('the faults are over; waiting for the end of every job');
  await settled(world, say);
  givingUp.abort();
  await shopping;
  await settled(world, say); // what was asked for in the last moment
  await lastLook(world, workload);
  const quiet = await quietness(world);
  const unswept = await keysOf(world);
  await sweepOrphans({ db: world.db, store: world.store, log: createLogger('faults', 'silent') }, Date.now() + LONG_AFTER_MS);
  const objects = new Set(await keysOf(world));
  const { jobs, batches, persons } = workload;
  const redirected = world.receivers.followed > 0 ? [redirectFollowed(world.receivers.followed)] : [];
  return {
    jobs,
    batches,
    persons,
    endpoints,
    receipts: world.receivers.receipts,
    faults: [...faults, ...redirected],
    ...(await readRows(world.db)),
    objects: [...objects],
    swept: unswept.filter((key) => !objects.has(key)),
    quiet,
  };
}

async function keysOf({ store }: World): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('t/')) keys.push(key);
  return keys;
}

/** Endpoints of the tenant, which hear of the end of every job, each with a secret of its own. */
async function addEndpoints({ client, proxies, receivers }: World): Promise<string[]> {
  const behaviours: readonly Behaviour[] = ['good', 'error-500'];
  for (const behaviour of behaviours) {
    const url = `http://127.0.0.1:${proxies.receivers?.port}/${behaviour}/endpoint-${behaviour}`;
    const { status, body } = await client.call<WebhookEndpointWithSecret>('POST', '/v1/webhook-endpoints', {
      url,
      events: ['generation.completed'],
    });
    if (status !== 201) throw new Error(`the endpoint was not made: ${status} ${JSON.stringify(body)}`);
    receivers.expectSecret(`endpoint-${behaviour}`, body.secret);
  }
  return behaviours.map((behaviour) => `endpoint-${behaviour}`);
}

/** One fault after another, every kind once before any comes again, with a moment between them. */
async function breakThings(world: World, random: Random, { minutes, only, say }: RunOptions): Promise<FaultRecord[]> {
  const possible = [...processFaults, ...serverFaults].filter(
    ({ kind, profile }) => (profile ?? world.profile) === world.profile && (only === undefined || only.some((word) => kind.includes(word))),
  );
  const start = Date.now();
  const end = start + minutes * 60_000;
  const records: FaultRecord[] = [];
  let bag: Fault[] = [];
  while (Date.now() < end) {
    await sleep(Math.min(random.between(1_500, 5_000), Math.max(0, end - Date.now())));
    if (bag.length === 0) bag = random.shuffle(possible);
    const fault = bag.pop();
    if (!fault || Date.now() + fault.lasts * 1_000 > end) {
      if (!possible.some(({ lasts }) => Date.now() + lasts * 1_000 <= end)) break;
      continue;
    }
    const record = await fault.inject(world, random.fork());
    if (!record) continue;
    records.push(record);
    say(
      `${((record.from - start) / 1_000).toFixed(0).padStart(5)} s  ${record.kind} · ${record.target}${record.broken ? ` · BROKEN: ${record.broken}` : ''}`,
    );
  }
  await sleep(Math.max(0, end - Date.now()));
  return records;
}

/** Until no job, no delivery and no removal is open; the waits of the schedule of tries are cut short. */
async function settled(world: World, say: (line: string) => void): Promise<void> {
  const start = Date.now();
  for (let said = 0; ; await sleep(500)) {
    const open = await patiently(() => readOpen(world.db));
    await patiently(() => hurryDeliveries(world.db));
    if (open.generations + open.deliveries + open.removals === 0) return;
    if (Date.now() - start > PATIENCE_MS + SETTLE_MS) return;
    if (Date.now() - said < 10_000) continue;
    said = Date.now();
    say(`${open.generations} jobs, ${open.deliveries} deliveries and ${open.removals} removals are open`);
  }
}

/** Workers that died last need a moment to be back. */
async function quietness({ db, workers }: World): Promise<Quiet> {
  for (const deadline = Date.now() + SETTLE_MS; ; await sleep(500)) {
    const quiet = await readQuiet(db, workers);
    const still = Object.keys(quiet.demand).length === 0 && quiet.messages === 0 && quiet.busyWorkers === 0;
    if ((still && Object.entries(workers).every(([name, count]) => quiet.slots[name] === count)) || Date.now() > deadline) return quiet;
  }
}

const redirectFollowed = (times: number): FaultRecord => ({
  kind: 'redirect',
  target: 'receivers',
  from: 0,
  to: 0,
  broken: `a redirect was followed ${times} times`,
});
