/** The Grafana dashboards of deploy/observability/dashboards: `node tools/dashboards.ts` writes them, a test compares. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Unit = 'short' | 's' | 'ms' | 'bytes' | 'percentunit' | 'reqps' | 'ops' | 'bool';

export interface Panel {
  readonly title: string;
  readonly unit: Unit;
  /** PromQL by what the legend says of it; `{{label}}` stands for a label's value. */
  readonly queries: Readonly<Record<string, string>>;
}

export interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const panel = (title: string, unit: Unit, queries: Panel['queries']): Panel => ({ title, unit, queries });
const rate = (selector: string, by: string) => `sum by (${by}) (rate(${selector}[$__rate_interval]))`;
const quantile = (q: number, metric: string, by: string) => `histogram_quantile(${q}, ${rate(`${metric}_bucket`, `le, ${by}`)})`;
const quantiles = (metric: string, by: string) =>
  Object.fromEntries([0.5, 0.95].map((q) => [`p${q * 100} {{${by}}}`, quantile(q, metric, by)]));
/** Every replica of the API reads the same queue. */
const ofClass = (metric: string) => `max by (class) (likeness_queue_${metric})`;

const stages = 'likeness_stage_duration_seconds';
const webhooks = 'likeness_webhook_attempt_duration_seconds';
const requests = 'likeness_http_request_duration_seconds';
const waiting = panel('Oldest waiting stage', 's', { '{{class}}': ofClass('oldest_seconds') });
const outcomes = panel('Attempts at stages', 'ops', { '{{stage}} {{outcome}}': rate(`${stages}_count`, 'stage, outcome') });
const outbox = panel('Age of the oldest message for the queue', 's', { '{{queue}}': 'max by (queue) (likeness_outbox_lag_seconds)' });

export const dashboards: Readonly<Record<string, Dashboard>> = {
  overview: {
    title: 'Likeness: overview',
    panels: [
      panel('Portraits', 'ops', { made: `sum(rate(${stages}_count{stage="sample",outcome="completed"}[$__rate_interval]))` }),
      panel('Demand and slots', 'short', { '{{class}} demand': ofClass('demand'), '{{class}} slots': ofClass('slots') }),
      waiting,
      panel('Duration of stages', 's', quantiles(stages, 'stage')),
      outcomes,
      panel('Requests', 'reqps', { '{{status}}': rate(`${requests}_count`, 'status') }),
      panel('Duration of requests', 's', { '{{route}}': quantile(0.95, requests, 'route') }),
      outbox,
      panel('Webhooks', 'ops', { '{{outcome}}': rate(`${webhooks}_count`, 'outcome') }),
    ],
  },
  workers: {
    title: 'Likeness: workers',
    panels: [
      panel('Waiting', 'short', { '{{class}}': ofClass('queued') }),
      panel('At work', 'short', { '{{class}}': ofClass('processing') }),
      panel('Slots', 'short', { '{{class}}': ofClass('slots') }),
      waiting,
      outcomes,
      panel('Duration of stages', 's', quantiles(stages, 'stage')),
      panel('Put right by the reconciliation', 'ops', { '{{kind}}': rate('likeness_repairs_total', 'kind') }),
      panel('Memory', 'bytes', { '{{app}}': 'sum by (app) (process_resident_memory_bytes)' }),
      panel('Processors', 'short', { '{{app}}': rate('process_cpu_seconds_total', 'app') }),
      panel('Delay of the event loop', 'ms', { '{{app}}': 'max by (app) (event_loop_delay_p99_ms)' }),
    ],
  },
  webhooks: {
    title: 'Likeness: webhooks',
    panels: [
      panel('Attempts', 'ops', { '{{outcome}}': rate(`${webhooks}_count`, 'outcome') }),
      panel('Share that succeeded', 'percentunit', {
        succeeded: `sum(rate(${webhooks}_count{outcome="succeeded"}[$__rate_interval])) / sum(rate(${webhooks}_count[$__rate_interval]))`,
      }),
      panel('Given up in the last hour', 'short', { exhausted: `sum(increase(${webhooks}_count{outcome="exhausted"}[1h]))` }),
      panel('Duration of an attempt', 's', quantiles(webhooks, 'outcome')),
      panel('Waiting for the relay', 'short', { '{{queue}}': 'max by (queue) (likeness_outbox_messages)' }),
      outbox,
      panel('Relayed', 'ops', { '{{queue}}': rate('likeness_relayed_total', 'queue') }),
    ],
  },
  database: {
    title: 'Likeness: database and queue',
    panels: [
      panel('Size of the database', 'bytes', { bytes: 'max(likeness_database_bytes)' }),
      panel('Connections', 'short', {
        taken: 'max(likeness_database_connections)',
        allowed: 'max(likeness_database_connection_limit)',
      }),
      panel('Oldest open transaction', 's', { open: 'max(likeness_database_oldest_transaction_seconds)' }),
      panel('Rows', 'short', { '{{table}}': 'topk(10, max by (table) (likeness_table_rows))' }),
      panel('Rows that wait for vacuum', 'short', { '{{table}}': 'topk(10, max by (table) (likeness_table_dead_rows))' }),
      panel('Waiting in Postgres, unknown to the queue', 'short', { stages: 'max(likeness_queue_unknown)' }),
      panel('Memory of Redis', 'bytes', { used: 'max(likeness_redis_memory_bytes)', limit: 'max(likeness_redis_memory_limit_bytes)' }),
      panel('Redis may drop jobs', 'bool', { evicts: 'max(likeness_redis_evicts)' }),
    ],
  },
};

const datasource = { type: 'prometheus', uid: '${datasource}' };
const [width, height] = [8, 8]; // of the 24 columns of Grafana's grid

/** As Grafana imports it. */
export function grafana(uid: string, { title, panels }: Dashboard): object {
  return {
    uid: `likeness-${uid}`,
    title,
    tags: ['likeness'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }] },
    panels: panels.map(({ title: name, unit, queries }, i) => ({
      id: i + 1,
      title: name,
      type: 'timeseries',
      datasource,
      gridPos: { x: (i * width) % 24, y: Math.floor((i * width) / 24) * height, w: width, h: height },
      fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: 'never' } }, overrides: [] },
      options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
      targets: Object.entries(queries).map(([legendFormat, expr], k) => ({
        refId: String.fromCharCode(65 + k),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  };
}

export const folder = fileURLToPath(new URL('../deploy/observability/dashboards/', import.meta.url));

export const fileOf = (uid: string): string => `${JSON.stringify(grafana(uid, dashboards[uid]!), null, 2)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true });
  for (const uid of Object.keys(dashboards)) writeFileSync(`${folder}${uid}.json`, fileOf(uid));
}
