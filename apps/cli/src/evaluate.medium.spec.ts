import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { progressText } from './commands/evaluate.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-evaluate-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function evaluate(...flags: string[]) {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', main, 'evaluate', ...flags], {
    env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache'), PACKS_DIR: join(folder, 'packs') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}

describe('likeness evaluate', () => {
  it('measures a pack, says how far it is, and prints where the report is', async () => {
    const out = join(folder, 'out');
    const size = ['--quick', '--identities', '1', '--prompts', 'snow', '--steps', '1', '--strangers', '2', '--shots', '2'];
    const { stdout, stderr, code } = await evaluate('--pack', 'sketch', ...size, '--out', out);
    expect(stderr).toMatch(/^references 1\/1\npictures 1\/1/);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').slice(0, 3)).toEqual(['report.json', 'report.md', 'pictures.csv'].map((name) => join(out, name)));
    const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as unknown;
    expect(report).toMatchObject({ pack: { name: 'sketch', trained: false }, settings: { seed: 0, steps: 1 }, tables: [{ name: 'main' }] });
  });

  it.each([
    [['--pack', 'sketch', '--prompts', 'hats'], 2, /^error prompts_unknown: There is no prompt or category "hats"/],
    [['--pack', 'sketch', '--identities', '0'], 2, /^error validation_failed: --identities "0" is no whole number/],
    [['--pack', 'sketch', '--strict'], 3, /^error measure_unavailable: The pack sketch has no image-text encoder/],
    [['--pack', 'noop'], 3, /^error pack_not_evaluable: The pack noop has no models/],
    [['--pack', 'absent'], 3, /^error model_unavailable: There is no pack "absent"/],
  ])('%j fails with exit %i', async (flags, exit, message) => {
    const { stdout, stderr, code } = await evaluate(...flags, '--out', join(folder, 'refused'));
    expect(stderr).toMatch(message);
    expect(code).toBe(exit);
    expect(stdout).toBe('');
  });
});

it('says how long the pictures take at most, and which were there', () => {
  const at = { what: 'pictures', done: 30, total: 90, made: 30, secondsEach: 2 } as const;
  expect(progressText(at)).toBe('pictures 30/90, at most 2 min left');
  expect(progressText({ ...at, made: 10 })).toBe('pictures 30/90, 20 of them were there, at most 2 min left');
  expect(progressText({ ...at, made: 0, secondsEach: null })).toBe('pictures 30/90, 30 of them were there');
  expect(progressText({ ...at, total: 9030 })).toBe('pictures 30/9030, at most 5.0 h left');
  expect(progressText({ ...at, what: 'networks' })).toBe('networks 30/90');
});
