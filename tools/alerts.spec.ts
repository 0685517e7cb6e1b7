import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]);

it('every alert has a test and an entry in the runbook', () => {
  const alerts = all(read('deploy/observability/alerts.yml'), /^ +- alert: (\w+)/gm);
  expect(alerts.length).toBeGreaterThan(10);
  expect(all(read('deploy/observability/alerts.test.yml'), /^ +- name: (\w+)/gm)).toEqual(alerts);
  expect(all(read('docs/operations.md'), /^### (Likeness\w+)/gm)).toEqual(alerts);
});
