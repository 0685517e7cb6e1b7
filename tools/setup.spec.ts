import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cacheFolder, childEnvironment, lockMatchesManifests, missingPackages, parseArguments, sourcesStamp } from './setup.mjs';

describe('the command line of setup', () => {
  it('needs none to set up only', () => {
    expect(parseArguments([])).toEqual({ file: undefined, args: [] });
  });

  it('leaves everything after the file to the file', () => {
    expect(parseArguments(['--then', 'tools/start.ts', '--once', '--then', 'x'])).toEqual({
      file: 'tools/start.ts',
      args: ['--once', '--then', 'x'],
    });
  });

  it.each([[['start']], [['--then']], [['--once', '--then', 'tools/start.ts']]])('refuses %j by name', (argv) => {
    expect(() => parseArguments(argv)).toThrow(`got "${argv.join(' ')}"`);
  });
});

describe('whether node_modules is what the lockfile asks for', () => {
  const lock = {
    packages: {
      '': { version: '0.1.0', devDependencies: { nx: '23.2.1' } },
      'libs/graph': { version: '0.1.0', dependencies: {} },
      'node_modules/nx': { version: '23.2.1' },
      'node_modules/@likeness/graph': { link: true },
      'node_modules/@esbuild/win32-x64': { version: '1.0.0', optional: true },
    },
  };
  const installed = (packages: Record<string, { version?: string; link?: boolean }>) => ({ packages });

  it('misses nothing after a good installation, other platforms’ binaries aside', () => {
    const present = { 'node_modules/nx': { version: '23.2.1' }, 'node_modules/@likeness/graph': { link: true } };
    expect(missingPackages(lock, installed(present))).toEqual([]);
  });

  it('misses everything that is not optional when npm left no list', () => {
    expect(missingPackages(lock, undefined)).toEqual(['node_modules/nx', 'node_modules/@likeness/graph']);
  });

  it('misses a package of another version', () => {
    const present = { 'node_modules/nx': { version: '23.0.0' }, 'node_modules/@likeness/graph': { link: true } };
    expect(missingPackages(lock, installed(present))).toEqual(['node_modules/nx']);
  });

  it('misses an optional package only in a wrong version', () => {
    const present = { ...lock.packages, 'node_modules/@esbuild/win32-x64': { version: '0.9.0' } };
    expect(missingPackages(lock, installed(present))).toEqual(['node_modules/@esbuild/win32-x64']);
  });

  it('compares dependency lists, not scripts', () => {
    const root = { devDependencies: { nx: '23.2.1' }, scripts: { start: 'node .' } };
    expect(lockMatchesManifests(lock, { '': root, 'libs/graph': {} })).toBe(true);
  });

  it.each([
    ['another version', { nx: '23.2.2' }],
    ['one more package', { nx: '23.2.1', zod: '4.6.7' }],
    ['one package less', {}],
  ])('sees %s in a manifest', (_, devDependencies) => {
    expect(lockMatchesManifests(lock, { '': { devDependencies } })).toBe(false);
  });

  it('sees a workspace that the lockfile does not know', () => {
    expect(lockMatchesManifests(lock, { 'libs/new': { dependencies: { zod: '4.6.7' } } })).toBe(false);
  });
});

describe('the environment of what setup starts', () => {
  it('puts the installed tools first on PATH, also when there is none', () => {
    expect(childEnvironment({ PATH: '/usr/bin' })['PATH']).toMatch(new RegExp(`node_modules/\\.bin${delimiter}/usr/bin$`));
    expect(childEnvironment({})['PATH']).toMatch(/node_modules\/\.bin$/);
  });

  it('keeps what the caller set and switches telemetry off', () => {
    expect(childEnvironment({ HOME: '/home/user' })).toMatchObject({ HOME: '/home/user', ORT_DISABLE_TELEMETRY: '1', NX_DAEMON: 'false' });
  });
});

describe('whether the build is stale', () => {
  const folder = mkdtempSync(join(tmpdir(), 'likeness-setup-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (path: string, text = '') => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (const path of ['package-lock.json', 'nx.json', 'tsconfig.base.json', 'prisma/schema.prisma', 'apps/.keep']) write(path);
  for (const path of ['package.json', 'tsconfig.json', 'src/graph.ts', 'src/ops/add.ts']) write(`libs/graph/${path}`);

  it('is when a source, a manifest or the schema changed, or a file came or went', () => {
    const states = new Set([sourcesStamp(folder)]);
    const changes = [
      () => write('libs/graph/src/ops/add.ts', 'changed'),
      () => write('libs/graph/package.json', '{}'),
      () => write('prisma/schema.prisma', 'model Job {}'),
      () => write('libs/graph/src/ops/multiply.ts'),
      () => rmSync(join(folder, 'libs/graph/src/graph.ts')),
    ];
    for (const change of changes) {
      change();
      states.add(sourcesStamp(folder));
    }
    expect(states.size).toBe(1 + changes.length);
  });

  it('is not when nothing, or only a test, changed', () => {
    const before = sourcesStamp(folder);
    write('libs/graph/src/graph.spec.ts');
    write('libs/graph/dist/graph.js', 'built again');
    expect(sourcesStamp(folder)).toBe(before);
  });
});

describe('the cache folder', () => {
  it('is under XDG_CACHE_HOME when that is writable, else the next that is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'likeness-setup-'));
    try {
      expect(cacheFolder({ XDG_CACHE_HOME: folder })).toBe(join(folder, 'likeness'));
      const file = join(folder, 'a-file');
      writeFileSync(file, '');
      expect([join(homedir(), '.cache', 'likeness'), join(tmpdir(), 'likeness')]).toContain(cacheFolder({ XDG_CACHE_HOME: file }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
