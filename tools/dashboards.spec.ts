import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { dashboards, fileOf, folder } from './dashboards.ts';

it.each(Object.keys(dashboards))('the dashboard %s is the one that is committed (`node tools/dashboards.ts` writes it)', (uid) => {
  expect(readFileSync(`${folder}${uid}.json`, 'utf8')).toBe(fileOf(uid));
});
