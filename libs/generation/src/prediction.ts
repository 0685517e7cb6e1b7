/**
 * A generation in Replicate's words: what its clients read from the API, and what is posted to their webhooks. Stored state holds keys
 * only; links are made here, whenever a prediction is shown.
 */
import {
  artifactPathOf,
  filePathOf,
  GenerationStatus,
  isId,
  isTerminal,
  JobError,
  modelOf,
  PREDICTION_NAMES,
  StageName,
  streamPathOf,
  versionIdOf,
  type AcceptedInput,
  type GenerationId,
  type Prediction,
  type PredictionEvent,
  type TenantId,
} from '@likeness/contracts';
import { empty, many, one, sql, type Db, type Sql } from '@likeness/platform/db';
import type { Signer } from '@likeness/platform/links';
import { z } from 'zod';

const Change = z.object({
  type: z.string(),
  status: GenerationStatus,
  stage: StageName.nullable(),
  progress: z.object({ step: z.number(), total: z.number() }).nullable(),
});

export const PredictionRow = z.object({
  id: z.custom<GenerationId>(),
  status: GenerationStatus,
  input: z.custom<AcceptedInput>(), // checked when it was written
  pack: z.object({ name: z.string(), version: z.string() }),
  error: JobError.nullable(),
  webhook_url: z.string().nullable(),
  webhook_events: z.array(z.string()),
  data_removed: z.boolean(),
  deadline_at: z.date().nullable(),
  created_at: z.date(),
  started_at: z.date().nullable(),
  completed_at: z.date().nullable(),
  /** Ids of the pictures. */
  output: z.array(z.string()),
  /** Everything that happened, in order. */
  changes: z.array(Change),
});
export type PredictionRow = z.infer<typeof PredictionRow>;

const rows = (condition: Sql): Sql => sql`
  SELECT g.id, g.status, g.input, g.pack, g.error, g.webhook_url, g.webhook_events, g.deadline_at, g.created_at, g.started_at, g.completed_at,
         g.data_removed OR coalesce(g.expires_at <= now(), false) AS data_removed,
         CASE WHEN g.status = 'succeeded' THEN ARRAY(SELECT id FROM artifact WHERE generation_id = g.id AND name = 'images' ORDER BY index) ELSE '{}' END AS output,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('type', e.type, 'status', e.data->'status', 'stage', e.data->'stage', 'progress', e.data->'progress')
                                    ORDER BY e.id), '[]')
            FROM event e WHERE e.generation_id = g.id AND e.type IN ('status', 'progress', 'completed')) AS changes
    FROM generation g
   WHERE ${condition}`;

/** Null for another tenant's as for none at all; no tenant is asked for where something else has given the permission. */
export const findPrediction = (db: Db, tenantId: TenantId | null, id: string): Promise<PredictionRow | null> =>
  one(db, PredictionRow, rows(sql`g.id = ${id} ${tenantId === null ? empty : sql`AND g.tenant_id = ${tenantId}`}`));

/** Newest first, older than `before`. */
export const listPredictions = (db: Db, tenantId: TenantId, before: GenerationId | undefined, limit: number): Promise<PredictionRow[]> =>
  many(
    db,
    PredictionRow,
    sql`${rows(sql`g.tenant_id = ${tenantId} ${before === undefined ? empty : sql`AND g.id < ${before}`}`)} ORDER BY g.id DESC LIMIT ${limit}`,
  );

/** What links are made with. */
export interface Links {
  readonly publicUrl: string;
  readonly signer: Signer;
  /** How long a link lives. */
  readonly seconds: number;
}

export function presentPrediction(row: PredictionRow, { publicUrl, signer, seconds }: Links): Prediction {
  const { id, pack, error, data_removed, created_at, started_at, completed_at, deadline_at, webhook_url } = row;
  const url = `${publicUrl}/v1/predictions/${id}`;
  const link = (path: string) => signer.sign('GET', path, seconds).url;
  return {
    id,
    model: modelOf(pack.name),
    version: versionIdOf(pack),
    input: data_removed ? {} : presentInput(row.input, publicUrl),
    output: row.status === 'succeeded' && !data_removed ? row.output.map((artifact) => link(artifactPathOf(artifact))) : null,
    error: error && `${error.detail} (${error.code})`,
    status: statuses[row.status],
    logs: data_removed ? '' : logLines(row).join(''),
    metrics: metricsOf(row),
    source: 'api',
    data_removed,
    created_at: created_at.toISOString(),
    started_at: started_at?.toISOString() ?? null,
    completed_at: completed_at?.toISOString() ?? null,
    ...(deadline_at ? { deadline: deadline_at.toISOString() } : {}),
    ...(webhook_url === null ? {} : { webhook: webhook_url, webhook_events_filter: presentEvents(row.webhook_events) }),
    urls: { get: url, cancel: `${url}/cancel`, stream: link(streamPathOf(id)), web: url },
  };
}

/** Replicate's clients poll for ever on any other end; what expired was canceled by its deadline. */
const statuses = {
  queued: 'starting',
  processing: 'processing',
  succeeded: 'succeeded',
  failed: 'failed',
  canceled: 'canceled',
  expired: 'canceled',
} as const satisfies Record<GenerationStatus, Prediction['status']>;

/** Under Replicate's names. A picture that came as bytes has become a file, and is shown as such. */
function presentInput(input: AcceptedInput, publicUrl: string): Prediction['input'] {
  const { pack: _theModel, reference_images, ...others } = input;
  const pictures = (reference_images ?? []).map((picture) => (isId('upload', picture) ? publicUrl + filePathOf(picture) : picture));
  const [first, ...more] = pictures;
  const names: Readonly<Record<string, readonly string[]>> = PREDICTION_NAMES;
  return {
    ...(first === undefined ? {} : more.length > 0 ? { reference_images: pictures } : { [PREDICTION_NAMES.reference_images[0]]: first }),
    ...Object.fromEntries(Object.entries(others).map(([name, value]) => [names[name]?.[0] ?? name, value])),
  };
}

/** The pictures come with the end of a generation, so `output` is no event of its own here. */
const events: Readonly<Record<string, PredictionEvent>> = { started: 'start', progress: 'logs', completed: 'completed' };
const presentEvents = (names: readonly string[]): PredictionEvent[] => names.flatMap((name) => events[name] ?? []);

function metricsOf({ created_at, started_at, completed_at }: PredictionRow): Prediction['metrics'] {
  if (!completed_at) return {};
  const since = (start: Date) => (completed_at.getTime() - start.getTime()) / 1000;
  return { ...(started_at ? { predict_time: since(started_at) } : {}), total_time: since(created_at) };
}

/** What happened so far, a line each; progress as tqdm draws it, which is what Replicate's clients read. Only ever grows. */
function logLines({ input, changes }: PredictionRow): string[] {
  const lines = [`Using seed: ${input.seed}\n`];
  const say = (line: string) => {
    if (lines.at(-1) !== line) lines.push(line);
  };
  for (const { type, status, stage, progress } of changes) {
    if (progress && progress.total > 0) say(progressLine(progress.step, progress.total));
    else if (type === 'completed' && status === 'succeeded') say(progressLine(input.steps, input.steps));
    else if (status === 'processing' && stage !== null) say(`Stage: ${stage}\n`);
  }
  return lines;
}

function progressLine(step: number, total: number): string {
  const tenths = Math.min(10, Math.floor((10 * step) / total));
  const percent = Math.min(100, Math.round((100 * step) / total));
  return `${String(percent).padStart(3)}%|${'█'.repeat(tenths)}${' '.repeat(10 - tenths)}| ${step}/${total}\n`;
}

export interface StreamEvent {
  readonly event: 'output' | 'logs' | 'error' | 'done';
  readonly data: string;
}

/** Everything that a stream has said of a prediction so far. Only ever grows, so an event's id is its place; `done` is the last. */
export function streamEvents(row: PredictionRow, links: Links): StreamEvent[] {
  const { status, output, error, data_removed } = presentPrediction(row, links);
  const logs = data_removed ? [] : logLines(row).map((data): StreamEvent => ({ event: 'logs', data }));
  const pictures = (output ?? []).map((data): StreamEvent => ({ event: 'output', data }));
  if (!isTerminal(row.status)) return logs;
  const done = (reason?: string): StreamEvent => ({ event: 'done', data: JSON.stringify({ reason }) });
  if (status === 'failed') return [...logs, { event: 'error', data: error ?? 'The prediction failed.' }, done('error')];
  return [...logs, ...pictures, status === 'canceled' ? done('canceled') : done()];
}
