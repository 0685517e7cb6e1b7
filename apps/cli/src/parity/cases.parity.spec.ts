import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCase } from './run-parity.ts';

const folder = join(import.meta.dirname, 'cases');

/** Cases of the reference that are small enough to be part of the project; the tolerance of each stands in its case.json. */
describe('golden cases', () => {
  it.each(readdirSync(folder))('%s', async (name) => {
    const { failures } = await runCase(join(folder, name));
    expect(failures).toEqual([]);
  });
});
