/** A database with one tenant, generations put into it as the API does, and what a test has to see or to set by hand. */
import {
  newId,
  type ArtifactId,
  type EventType,
  type GenerationEvent,
  type GenerationId,
  type StageId,
  type StageName,
  type TenantId,
} from '@likeness/contracts';
import { exec, json, many, one, openDb, sql, testDatabase, type Db } from '@likeness/platform/db';
import { createVault } from '@likeness/platform/storage';
import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { FIRST_STAGE, flow } from '../flow.ts';
import type { ClaimedStage, KeptArtifact } from '../generation.ts';
import { completeStage, type StageResult } from '../complete-stage.ts';
import { claimStage } from '../generation.store.ts';

const workerId = newId('worker');
/** Whoever reads or writes objects in a test shares the keys of the stages claimed here. */
export const vault = createVault('the secret of tests that share a journey');

export interface NewGeneration {
  readonly webhook?: boolean;
  readonly events?: readonly ('started' | 'progress' | 'completed')[];
  /** Seconds from now; negative: past already. */
  readonly deadline?: number;
  readonly priority?: 'low' | 'normal' | 'high';
}

export interface Created {
  readonly id: GenerationId;
  readonly stageId: StageId;
}

const Row = z.record(z.string(), z.unknown());
const GenerationRow = z.looseObject({
  id: z.custom<GenerationId>(),
  status: z.string(),
  stage: z.string().nullable(),
  sequence: z.number(),
});
const StageRow = z.looseObject({
  id: z.custom<StageId>(),
  generation_id: z.custom<GenerationId>(),
  name: z.custom<StageName>(),
  status: z.string(),
  attempt: z.number(),
  max_attempts: z.number(),
});
const EventRow = z.object({
  sequence: z.number(),
  type: z.string(),
  data: z.object({ status: z.string(), stage: z.string().nullable(), progress: z.unknown() }),
});
const DeliveryRow = z.object({
  id: z.string(),
  type: z.custom<EventType>(),
  sequence: z.number(),
  url: z.string(),
  body: z.custom<GenerationEvent>(),
});
const MessageRow = z.object({
  job: z.string(),
  queue: z.string(),
  ref_id: z.string(),
  n: z.number(),
  tenant_id: z.string(),
  priority: z.string(),
  delay: z.number(),
});

export class Journey {
  readonly db: Db;
  readonly url: string;
  readonly tenantId: TenantId;

  constructor(db: Db, url: string, tenantId: TenantId) {
    this.db = db;
    this.url = url;
    this.tenantId = tenantId;
  }

  async create({ webhook = true, events = ['completed'], deadline, priority = 'normal' }: NewGeneration = {}): Promise<Created> {
    const [id, stageId] = [newId('generation'), newId('stage')];
    const { job, queue } = flow[FIRST_STAGE];
    await exec(
      this.db,
      sql`
      WITH created AS (
        INSERT INTO generation (id, tenant_id, status, stage, input, pack, priority, metadata, webhook_url, webhook_events, deadline_at)
        VALUES (${id}, ${this.tenantId}, 'queued', ${FIRST_STAGE}, ${json({ prompt: 'a person' })}::jsonb,
                ${json({ name: 'noop', version: '1.0.0', trained: false })}::jsonb, ${priority}, ${json({ order: '17' })}::jsonb,
                ${webhook ? 'https://example.com/hook' : null}, ${[...events]}::text[],
                now() + ${deadline ?? null}::float8 * interval '1 second')
        RETURNING id
      ), staged AS (
        INSERT INTO stage (id, generation_id, tenant_id, name, queue, status)
        SELECT ${stageId}, id, ${this.tenantId}, ${FIRST_STAGE}, ${queue}, 'queued' FROM created
      ), messaged AS (
        INSERT INTO outbox (job, queue, ref_id, n, tenant_id, priority) VALUES (${job}, ${queue}, ${stageId}, 1, ${this.tenantId}, ${priority})
      )
      INSERT INTO event (generation_id, tenant_id, sequence, type, data)
      SELECT id, ${this.tenantId}, 1, 'status', ${json({ status: 'queued', stage: FIRST_STAGE, progress: null })}::jsonb FROM created`,
    );
    return { id, stageId };
  }

  claim(stageId: StageId): Promise<ClaimedStage | null> {
    return claimStage(this.db, stageId, workerId, vault.newKey());
  }

  async claimed(stageId: StageId): Promise<ClaimedStage> {
    const stage = await this.claim(stageId);
    if (!stage) throw new Error(`the stage ${stageId} could not be claimed`);
    return stage;
  }

  complete(stage: ClaimedStage): Promise<boolean> {
    return completeStage(this.db, stage, stage.name, resultOf(stage));
  }

  /** Claims and completes until the next stage to claim is `name`; returns its id. */
  async advanceTo(name: StageName, { id }: Created): Promise<StageId> {
    for (;;) {
      const next = (await this.stages(id)).find((stage) => stage.status === 'queued');
      if (!next) throw new Error(`the generation ${id} has no queued stage`);
      if (next.name === name) return next.id;
      await this.complete(await this.claimed(next.id));
    }
  }

  async generation(id: GenerationId): Promise<z.infer<typeof GenerationRow>> {
    const row = await one(this.db, GenerationRow, sql`SELECT * FROM generation WHERE id = ${id}`);
    if (!row) throw new Error(`there is no generation ${id}`);
    return row;
  }

  stages(id: GenerationId): Promise<z.infer<typeof StageRow>[]> {
    return many(this.db, StageRow, sql`SELECT * FROM stage WHERE generation_id = ${id} ORDER BY queued_at, id`);
  }

  async stage(id: StageId): Promise<z.infer<typeof StageRow>> {
    const row = await one(this.db, StageRow, sql`SELECT * FROM stage WHERE id = ${id}`);
    if (!row) throw new Error(`there is no stage ${id}`);
    return row;
  }

  events(id: GenerationId): Promise<z.infer<typeof EventRow>[]> {
    return many(this.db, EventRow, sql`SELECT sequence, type, data FROM event WHERE generation_id = ${id} ORDER BY event.id`);
  }

  deliveries(id: GenerationId): Promise<z.infer<typeof DeliveryRow>[]> {
    return many(
      this.db,
      DeliveryRow,
      sql`SELECT id, type, sequence, url, body FROM webhook_delivery WHERE generation_id = ${id} ORDER BY sequence`,
    );
  }

  artifacts(id: GenerationId): Promise<z.infer<typeof Row>[]> {
    return many(this.db, Row, sql`SELECT * FROM artifact WHERE generation_id = ${id} ORDER BY stage, name, index`);
  }

  /** The messages that wait for the relay, for a stage or a delivery. */
  messages(refId: string): Promise<z.infer<typeof MessageRow>[]> {
    return many(
      this.db,
      MessageRow,
      sql`SELECT job, queue, ref_id, n, tenant_id, priority, extract(epoch FROM available_at - created_at)::float8 AS delay
            FROM outbox WHERE ref_id = ${refId} ORDER BY id`,
    );
  }

  /** Everything that a change of state may touch, to see that nothing was. */
  async everything(id: GenerationId): Promise<unknown> {
    const stages = await this.stages(id);
    return {
      generation: await this.generation(id),
      stages,
      events: await this.events(id),
      deliveries: await this.deliveries(id),
      artifacts: await this.artifacts(id),
      messages: await Promise.all(stages.map((stage) => this.messages(stage.id))),
    };
  }

  /** Sends what waits for a queue of workers, as the dispatcher does; returns the ids that the queue gets. */
  async relay(secondsAgo = 0): Promise<string[]> {
    const sent = await many(
      this.db,
      z.object({ job_id: z.string() }),
      sql`
      WITH taken AS (
        SELECT id, ref_id, n FROM outbox WHERE job <> 'deliver-webhook' FOR UPDATE SKIP LOCKED
      ), gone AS (
        DELETE FROM outbox USING taken WHERE outbox.id = taken.id RETURNING taken.ref_id, taken.n
      ), noted AS (
        UPDATE stage SET enqueued = gone.n, enqueued_at = now() - ${secondsAgo}::float8 * interval '1 second'
          FROM gone WHERE stage.id = gone.ref_id AND stage.status = 'queued' AND stage.enqueued <= gone.n
      )
      SELECT ref_id || '-' || n AS job_id FROM gone`,
    );
    return sent.map(({ job_id }) => job_id);
  }

  /** The worker of a stage has been silent for too long. */
  async lapse(stageId: StageId): Promise<void> {
    await exec(this.db, sql`UPDATE stage SET lease_until = now() - interval '1 second' WHERE id = ${stageId} AND status = 'processing'`);
  }

  async set(id: GenerationId, column: 'deadline_at' | 'cancel_requested_at', seconds: number): Promise<void> {
    const value = sql`now() + ${seconds}::float8 * interval '1 second'`;
    const assignment = column === 'deadline_at' ? sql`deadline_at = ${value}` : sql`cancel_requested_at = ${value}`;
    await exec(this.db, sql`UPDATE generation SET ${assignment} WHERE id = ${id}`);
  }
}

/** What every stage leaves, by `flow`; the last one leaves two pictures. */
export function resultOf(stage: Pick<ClaimedStage, 'tenant_id' | 'generation_id' | 'name' | 'attempt'>): StageResult {
  const { tenant_id, generation_id, name, attempt } = stage;
  const names = flow[name].leaves.flatMap((left): string[] => (left === 'images' ? ['images', 'images'] : [left]));
  const artifacts = names.map((left, i): KeptArtifact => {
    const index = names.slice(0, i).filter((other) => other === left).length;
    const object_key = `t/${tenant_id}/${generation_id}/${name}/${attempt}/${left}-${index}`;
    const id: ArtifactId = newId('artifact');
    return {
      id,
      name: left,
      index,
      object_key,
      data_key_id: generation_id,
      content_type: 'image/png',
      size: 70,
      sha256: '0'.repeat(64),
      detail: { width: 1, height: 1 },
    };
  });
  return { artifacts, warnings: [`${name}_warned`], gpuSeconds: 0.5 };
}

/** A journey of its own for each test file. `connections`: how many of them may be at work at once. */
export function useJourney(connections = 8): () => Journey {
  let journey: Journey | undefined;
  let drop = (): Promise<void> => Promise.resolve();
  beforeAll(async () => {
    const database = await testDatabase();
    const db = openDb(database.url, { max: connections });
    drop = () => db.close().then(() => database.drop());
    const tenantId = newId('tenant');
    await exec(db, sql`INSERT INTO tenant (id, name, webhook_secret) VALUES (${tenantId}, 'studio', 'whsec_dGVzdA==')`);
    journey = new Journey(db, database.url, tenantId);
  });
  afterAll(() => drop());
  return () => {
    if (!journey) throw new Error('the journey begins with the first test');
    return journey;
  };
}
