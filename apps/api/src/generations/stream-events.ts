/**
 * Server-sent events of one generation. What is sent is read from the rows of `event`, so that whoever comes back with
 * `Last-Event-ID` gets what it has missed, and a slow reader holds nothing here but its place: the next rows are read when it has
 * taken the last ones.
 */
import { GenerationStatus, isTerminal, LikenessError, StageName, type GenerationId, type TenantId } from '@likeness/contracts';
import { one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { PING, PING_MS } from '../http/event-stream.ts';
import type { Parts } from '../parts.ts';
import { findGeneration, ProgressRow, type GenerationView } from './generations.store.ts';
import { presentGeneration, presentState } from './present-generation.ts';

const ROWS_AT_ONCE = 200;

export interface Reader {
  readonly tenantId: TenantId;
  /** The sequence of the last event that the client has; undefined: it wants the present state first. */
  readonly after: number | undefined;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** Ends after `completed`, when the client or the service goes, and when the generation is no more. `seen` is its present state. */
export async function* streamEvents(parts: Parts, seen: GenerationView, { tenantId, after, signal }: Reader): AsyncGenerator<string, void> {
  const { id } = seen;
  const stopped = AbortSignal.any([signal, parts.changes.closing]);
  yield ': the events of a generation\n\n'; // so that the client hears at once that it is connected
  let last = after ?? seen.sequence;
  let over = after === undefined && isTerminal(seen.status);
  if (after === undefined && !over) yield write('status', last, presentState(parts, seen, seen));
  while (!over) {
    const wanted = { name: `events of ${id} after ${last}`, look: () => readNews(parts.db, tenantId, id, last), wanted: isNews };
    const news = await parts.changes.wait({ id, milliseconds: PING_MS, signal, ...wanted }).catch(endWithDatabase);
    if (stopped.aborted || news === 'gone') return;
    if (news === undefined) yield PING;
    for (const { type, ...event } of news?.events ?? []) {
      if (type !== 'completed') yield write(type, event.sequence, presentState(parts, { id, ...event }, news ?? event));
      last = event.sequence;
    }
    over = news?.over ?? false;
  }
  // What has ended changes by its removal only, so that its last event is the generation itself, under the number that it has now.
  const ended = await findGeneration(parts.db, tenantId, id);
  if (ended) yield write('completed', ended.sequence, presentGeneration(ended, parts, 0));
}

/** Whether there is nothing left to tell to a client that has everything up to `after`. */
export async function hasAll(db: Db, tenantId: TenantId, { id, status, sequence }: GenerationView, after: number): Promise<boolean> {
  if (!isTerminal(status)) return false;
  const news = await readNews(db, tenantId, id, after);
  return news === 'gone' || (news?.events.length === 0 && after >= sequence);
}

/** One line of data: JSON has no line breaks of its own. */
const write = (type: string, sequence: number, data: unknown): string =>
  `id: ${sequence}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

const News = z.object({
  status: GenerationStatus,
  sequence: z.number(),
  events: z.array(
    z.object({
      type: z.enum(['status', 'progress', 'preview', 'completed']),
      sequence: z.number(),
      status: GenerationStatus,
      stage: StageName.nullable(),
      progress: ProgressRow.nullable(),
    }),
  ),
});
type News = z.infer<typeof News> & { readonly over: boolean };

/** What came after an event; undefined when nothing did and more may come. */
async function readNews(db: Db, tenantId: TenantId, id: GenerationId, after: number): Promise<News | 'gone' | undefined> {
  const news = await one(
    db,
    News,
    sql`
    SELECT g.status, g.sequence, coalesce((
             SELECT jsonb_agg(e.data || jsonb_build_object('type', e.type, 'sequence', e.sequence) ORDER BY e.sequence)
               FROM (SELECT type, sequence, data FROM event WHERE generation_id = g.id AND sequence > ${after}::int ORDER BY sequence LIMIT ${ROWS_AT_ONCE}) AS e
           ), '[]') AS events
      FROM generation g WHERE g.id = ${id} AND g.tenant_id = ${tenantId}`,
  );
  if (!news) return 'gone';
  const over = isTerminal(news.status) && news.events.length < ROWS_AT_ONCE;
  return over || news.events.length > 0 ? { ...news, over } : undefined;
}

const isNews = (seen: News | 'gone' | undefined): boolean => seen !== undefined;

/** A client comes back by itself, and then finds a database that answers, or the reason why there is none. */
function endWithDatabase(error: unknown): 'gone' {
  if (error instanceof LikenessError && error.code === 'unavailable') return 'gone';
  throw error;
}
