import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../testing/fuzz-readers.ts', import.meta.url));

it.each([1, 2])('reads or refuses whatever damage does to a file, seed %i', async (seed) => {
  const args = ['--conditions=source', script, String(seed), '3000'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 });
  const seen = JSON.parse(stdout) as { accepted: number; refused: number; slowest: number; growth: number };
  expect(seen.accepted + seen.refused).toBe(3000);
  expect(seen.accepted).toBeGreaterThan(50);
  expect(seen.refused).toBeGreaterThan(1000);
  expect(seen.slowest).toBeLessThan(2000);
  expect(seen.growth).toBeLessThan(64 << 20);
});
