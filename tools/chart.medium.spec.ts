/** The chart through Helm itself; skipped, loudly, where there is none. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../deploy/helm/', import.meta.url));
const helm =
  process.env['LIKENESS_HELM'] ??
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((path) => join(path, 'helm'))
    .find(isExecutable);
if (helm === undefined)
  console.warn('\n!!! no helm on PATH; set LIKENESS_HELM: the chart is not rendered anew, only what was committed is looked at\n');

const render = (...args: string[]) =>
  execFileSync(helm!, ['template', 'likeness', join(folder, 'likeness'), '--namespace', 'likeness', ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  });

describe.skipIf(helm === undefined)('the chart', () => {
  /** `LIKENESS_HELM=… npx vitest run --project medium tools/chart.medium.spec.ts -u` writes them anew. */
  it.each(readdirSync(join(folder, 'examples')))('renders %s as it was committed', async (example) => {
    await expect(render('--values', join(folder, 'examples', example))).toMatchFileSnapshot(join(folder, 'rendered', example));
  });

  it.each([
    ['workers.diffusion.replicas=abc', /replicas/],
    ['workers.diffusion.config.DATABASE_URL=postgres://u:p@h/d', /DATABASE_URL/],
    ['workers.upscaling.replicas=1', /upscaling/],
    ['api.autoscaling.minReplicas=0', /minReplicas/],
    ['workers.diffusion.terminationGracePeriodSeconds=30', /not longer than DRAIN_SECONDS/],
    ['publicUrl=', /publicUrl/],
  ])('refuses %s', (value, reason) => {
    expect(() => render('--set', 'publicUrl=https://portraits.example.com', '--set', value)).toThrow(reason);
  });
});

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
