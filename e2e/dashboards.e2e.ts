/** Every query of every dashboard, and every alert, in a real Prometheus that scrapes a loaded system. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@likeness/platform/config';
import { redisServer, startRedis, type TestServer } from '@likeness/platform/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dashboards } from '../tools/dashboards.ts';
import { useStack } from './stack.ts';

const alerts = fileURLToPath(new URL('../deploy/observability/alerts.yml', import.meta.url));
const tests = fileURLToPath(new URL('../deploy/observability/alerts.test.yml', import.meta.url));
const runs = (command: string): boolean => {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const hasPrometheus = runs('prometheus') && runs('promtool');

describe.runIf(hasPrometheus)('the alerts', () => {
  it('speak when they should, and not before', () => {
    expect(execFileSync('promtool', ['test', 'rules', tests], { encoding: 'utf8' })).toContain('SUCCESS');
  });
});

describe.runIf(hasPrometheus && redisServer !== undefined)('the dashboards', () => {
  let redis: TestServer;
  let prometheus: ChildProcess;
  let url: string;
  let directory: string;
  const fixture = useStack({}, async () => ({ redisUrl: (redis = await startRedis({ maxmemory: '200mb' })).url }));

  beforeAll(async () => {
    const { stack } = fixture();
    const logs = ['dispatcher', 'parsing-worker', 'embedding-worker', 'diffusion-worker'].map((name) =>
      join(stack.directory.path, 'logs', `${name}.log`),
    );
    const ports = await Promise.all(logs.map(async (log) => /"port":(\d+)/.exec(await readFile(log, 'utf8'))![1]!));
    const targets = [new URL(stack.url).host, ...ports.map((port) => `127.0.0.1:${port}`)];
    directory = await mkdtemp(join(tmpdir(), 'likeness-prometheus-'));
    const config = join(directory, 'prometheus.yml');
    await writeFile(
      config,
      JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [alerts],
        scrape_configs: [{ job_name: 'likeness', static_configs: [{ targets }] }],
      }),
    );
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(directory, 'data')}`, `--web.listen-address=127.0.0.1:${port}`];
    prometheus = spawn('prometheus', flags, { stdio: 'ignore' });
    await vi.waitFor(async () => expect((await fetch(`${url}/-/ready`)).ok).toBe(true), { timeout: 30_000, interval: 100 });
  });
  afterAll(async () => {
    prometheus.kill();
    await redis.stop();
    await rm(directory, { recursive: true });
  });

  /** How many series answer the query, or why there is no answer. */
  const answers = async (expression: string): Promise<number | string> => {
    const parameters = new URLSearchParams({ query: expression.replaceAll('$__rate_interval', '1m') });
    const response = await fetch(`${url}/api/v1/query?${parameters}`);
    const { error, data } = (await response.json()) as { error?: string; data?: { result: unknown[] } };
    return data?.result.length ?? error ?? response.status;
  };

  it('show something in every panel', async () => {
    const { client, photo, receiver } = fixture();
    const reference = (await client.upload(photo)).id;
    for (let i = 0; i < 3; i++) {
      const { id } = await client.create({ reference_images: [reference], prompt: 'a person', steps: 4 }, { webhook: receiver.url });
      expect((await client.untilTerminal(id)).status).toBe('succeeded');
      await receiver.received(id, fixture().stack.connection().webhook_secret, 15_000);
    }
    const queries = Object.values(dashboards).flatMap(({ title, panels }) =>
      panels.flatMap((panel) => Object.values(panel.queries).map((expression) => ({ name: `${title}, ${panel.title}`, expression }))),
    );
    expect(queries.length).toBeGreaterThan(30);
    for (const { name, expression } of queries)
      await expect.poll(() => answers(expression), { message: `${name}: ${expression}` }).toBeGreaterThan(0);
  });

  it('share a Prometheus with the alerts, none of which speaks of a system in order', async () => {
    const { data } = (await (await fetch(`${url}/api/v1/alerts`)).json()) as { data: { alerts: { labels: object; state: string }[] } };
    expect(data.alerts.filter(({ state }) => state === 'firing')).toEqual([]);
    const { data: rules } = (await (await fetch(`${url}/api/v1/rules`)).json()) as { data: { groups: { rules: { health: string }[] }[] } };
    expect(new Set(rules.groups.flatMap((group) => group.rules.map(({ health }) => health)))).toEqual(new Set(['ok']));
  });
});
