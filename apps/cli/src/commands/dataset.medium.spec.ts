import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dataset-'));
});
afterAll(() => rm(root, { recursive: true }));

const likeness = (...args: string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, ['--conditions=source', main, ...args], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

it('likeness dataset draw writes a data set, and never into one', async () => {
  const draw = () => likeness('dataset', 'draw', '--count', '3', '--shots', '2', '--size', '32', '--out', join(root, 'set'));
  expect(await draw()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^3 portraits of 2 people in /) as unknown,
    stderr: expect.stringMatching(/drawn 3\/3/) as unknown,
  });
  expect(JSON.parse(await readFile(join(root, 'set', 'JSON_all.json'), 'utf8'))).toHaveLength(3);
  expect(await draw()).toMatchObject({ code: 2, stderr: expect.stringMatching(/^error folder_not_empty: .*set is not empty/) as unknown });
});

it('likeness dataset draw says which number is none', async () => {
  const { code, stderr } = await likeness('dataset', 'draw', '--count', 'many', '--out', join(root, 'none'));
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^error validation_failed: count NaN /)]);
});
