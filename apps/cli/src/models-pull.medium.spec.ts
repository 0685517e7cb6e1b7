import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { zip } from '@likeness/graph/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Recipe } from './hub/recipe.ts';
import { HubServer } from './testing/hub-server.ts';
import { writeModelSet } from './testing/model-set.ts';
import { tinyWeights } from './testing/tiny-weights.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const portrait = fileURLToPath(new URL('../../../samples/portrait.jpg', import.meta.url));
const like = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let dir: string;
let hub: HubServer;
let recipe: Record<string, unknown>;
const at = (...parts: string[]) => join(dir, ...parts);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pull-'));
  hub = new HubServer();
  await hub.start();
  const published = at('published');
  const paths = await writeModelSet(published, tinyWeights(), { adapter: 'published' });
  const base = (await readdir(paths.base, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = base.map((entry) => relative(paths.base, join(entry.parentPath, entry.name)));
  for (const file of files) hub.files.set(`maker/base/${file}`, join(paths.base, file));
  for (const file of ['config.json', 'model.safetensors']) hub.files.set(`maker/clip/${file}`, join(paths.imageEncoder, file));
  hub.files.set('maker/adapter/ConsistentID-v1.bin', paths.adapter);
  hub.files.set('maker/adapter/face_parsing.pth', paths.parser);
  const members = {
    'det_10g.onnx': await readFile(paths.detector),
    'w600k_r50.onnx': await readFile(paths.recognizer),
    '../outside.txt': Buffer.from('no'),
  };
  const faces = zip(members, { pack: deflateRawSync });
  await writeFile(at('faces.zip'), faces);
  hub.files.set('faces.zip', at('faces.zip'));
  const archive = `${hub.storeUrl}/faces.zip`;
  const member = (name: keyof typeof members) => ({ archive, member: name, sha256: sha256(members[name]) });
  recipe = {
    name: 'tiny',
    title: 'a tiny model set',
    licence: 'research only',
    trained: false,
    licences: [
      { of: 'the faces', licence: 'research only', url: 'https://example.org/licence', restriction: 'The faces are for research only.' },
    ],
    parts: {
      base: { repo: 'maker/base', files: files.map((path) => ({ path: [path.replace('safetensors', 'absent'), path] })) },
      imageEncoder: { repo: 'maker/clip', files: ['config.json', 'model.safetensors', { path: 'README.md', optional: true }] },
      adapter: { repo: 'maker/adapter', files: ['ConsistentID-v1.bin'], at: 'ConsistentID-v1.bin' },
      parser: { repo: 'maker/adapter', files: ['face_parsing.pth'], at: 'face_parsing.pth' },
      detector: member('det_10g.onnx'),
      recognizer: member('w600k_r50.onnx'),
    },
    archives: { [archive]: { bytes: faces.length, sha256: sha256(faces) } },
  };
  await writeFile(at('tiny.json'), JSON.stringify(recipe));
});
afterAll(async () => {
  await hub.stop();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  hub.seen.length = 0;
  hub.behaviour.failures = [];
  delete hub.behaviour.token;
});

function start(home: string, env: Record<string, string>, ...args: string[]) {
  const places = {
    HF_HOME: at(home, 'hf'),
    PACKS_DIR: at(home, 'packs'),
    WEIGHTS_DIR: at(home, 'weights'),
    XDG_CONFIG_HOME: at(home, 'config'),
  };
  const child = spawn(process.execPath, ['--conditions=source', main, ...args], {
    env: { ...process.env, HF_ENDPOINT: hub.url, HF_TOKEN: '', ...places, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = (async () => {
    const [stdout, stderr, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise<number | null>((resolve) => child.on('close', resolve)),
    ]);
    return { stdout, stderr, code };
  })();
  return { child, ended };
}
const likeness = (home: string, ...args: string[]) => start(home, {}, ...args).ended;
const pull = (home: string, env: Record<string, string> = {}) =>
  start(home, env, 'models', 'pull', at('tiny.json'), '--accept-licence').ended;

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

describe('likeness models pull', () => {
  it('makes a pack that is built, verified and used', async () => {
    const pulled = await pull('home');
    expect(pulled).toMatchObject({ code: 0, stdout: `${at('home/packs/tiny')} consistentid-sd15 15 files\n` });
    expect(pulled.stderr).toMatch(/^licence: the faces: research only \(https:\/\/example\.org\/licence\)$/m);
    expect(pulled.stderr).toMatch(/^file 15 of 15, 7\d\.\d MB of 7\d\.\d MB, .*\/s$/m);
    // the store never sees what is for the hub, and the hub is asked for nothing but headers of large files
    expect(hub.seen.filter(({ host }) => host === 'store').map(({ path }) => path)).toContain(
      '/maker/adapter/ConsistentID-v1.bin?signed=yes',
    );

    const state = async () =>
      (JSON.parse((await likeness('home', 'models', 'list', '--json')).stdout) as { name: string }[]).find(({ name }) => name === 'tiny');
    expect(await state()).toMatchObject({ state: 'not built', trained: false, licence: 'research only', problem: null });
    const built = await likeness('home', 'models', 'build', 'tiny');
    expect(built).toMatchObject({ code: 0, stdout: like(/^built unet/m) });
    expect(await state()).toMatchObject({ state: 'ready' });
    const verified = await likeness('home', 'models', 'verify', 'tiny');
    expect(verified).toMatchObject({ code: 0, stdout: like(/^ok base\/unet\/diffusion_pytorch_model\.safetensors [\d.]+ MB$/m) });
    expect(verified.stdout).toMatch(/^ok detector/m);
    const out = at('home/out');
    const made = await likeness(
      'home',
      'generate',
      '--pack',
      'tiny',
      '--image',
      portrait,
      '--prompt',
      'A man',
      '--steps',
      '1',
      '--width',
      '256',
      '--height',
      '256',
      '--seed',
      '7',
      '--out',
      out,
    );
    expect(made).toMatchObject({ code: 0, stdout: `${join(out, 'image-0.png')}\n` });
  });

  it('leaves the cache as the Python library has it, and nothing else', async () => {
    const repo = at('home/hf/hub/models--maker--adapter');
    expect(await readFile(join(repo, 'refs/main'), 'utf8')).toBe(hub.commit);
    const link = await readlink(join(repo, 'snapshots', hub.commit, 'face_parsing.pth'));
    expect(link).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect((await readdir(join(repo, 'blobs'))).every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
    expect((await readdir(at('home/hf/hub/models--maker--clip/blobs'))).map((name) => name.length).sort()).toEqual([40, 64]);
    const kept = (await readdir(at('home/packs/.files'), { recursive: true })).filter((name) => name.includes('.'));
    expect(kept.map((name) => name.split('/')[1]).sort()).toEqual(['det_10g.onnx', 'w600k_r50.onnx']);
    await expect(stat(at('home/outside.txt'))).rejects.toThrow();
  });

  it('downloads nothing that is there, and nothing at all offline', async () => {
    await mkdir(at('second'), { recursive: true });
    const cache = { HF_HOME: at('home/hf') };
    expect(await pull('second', cache)).toMatchObject({ code: 0 });
    expect(hub.seen.filter(({ method }) => method === 'GET').map(({ path }) => path)).toEqual(['/faces.zip']);
    hub.seen.length = 0;
    const again = await start(
      'second',
      { ...cache, HF_HUB_OFFLINE: '1' },
      'models',
      'pull',
      at('tiny.json'),
      '--accept-licence',
      '--replace',
    ).ended;
    expect(again).toMatchObject({ code: 0 });
    expect(hub.seen).toEqual([]);
  });

  it('wants the licence accepted before it asks anybody anything', async () => {
    const { code, stderr } = await likeness('none', 'models', 'pull', at('tiny.json'));
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: like(
        /^restriction: The faces are for research only\.\nerror model_unavailable: .* repeat the command with --accept-licence\.$/m,
      ),
    });
    expect(hub.seen).toEqual([]);
  });

  it('shows the token to the hub alone', async () => {
    hub.behaviour.token = 'hf_secret';
    expect(await pull('gated')).toMatchObject({
      code: 3,
      stderr: like(/answers 401: it wants a token: set HF_TOKEN\. If the model is gated, its terms are accepted at .*\/maker\/base\./),
    });
    expect(await pull('gated', { HF_TOKEN: 'hf_wrong' })).toMatchObject({
      code: 3,
      stderr: like(/answers 403: the token in HF_TOKEN may not read this/),
    });
    hub.seen.length = 0;
    expect(await pull('gated', { HF_TOKEN: 'hf_secret' })).toMatchObject({ code: 0 });
    expect(new Set(hub.seen.map(({ host, authorization }) => `${host} ${authorization}`))).toEqual(
      new Set(['hub Bearer hf_secret', 'store undefined']),
    );
  });

  it('says which file of which repository is missing', async () => {
    const { parts } = recipe as { parts: Record<string, object> };
    const changed = {
      ...recipe,
      parts: { ...parts, adapter: { repo: 'maker/adapter', files: [{ path: ['a.bin', 'a.safetensors'] }], at: 'a.bin' } },
    };
    await writeFile(at('missing.json'), JSON.stringify(changed));
    expect(await likeness('missing', 'models', 'pull', at('missing.json'), '--accept-licence')).toMatchObject({
      code: 3,
      stderr: like(/maker\/adapter at main has no a\.bin and no a\.safetensors\./),
    });
    const absent = { ...recipe, parts: { ...parts, adapter: { repo: 'maker/absent', files: ['a.bin'], at: 'a.bin' } } };
    await writeFile(at('absent.json'), JSON.stringify(absent));
    expect(await likeness('missing', 'models', 'pull', at('absent.json'), '--accept-licence')).toMatchObject({
      code: 3,
      stderr: like(/has no maker\/absent at main\./),
    });
  });

  it('goes on after Ctrl-C and beside a second pull', async () => {
    hub.behaviour.failures = [{ stall: 2000 }, { stall: 2000 }, { stall: 2000 }];
    const first = start('broken', {}, 'models', 'pull', at('tiny.json'), '--accept-licence');
    await expect.poll(() => hub.behaviour.failures.length).toBe(0);
    await expect
      .poll(async () => (await readdir(at('broken/hf/hub'), { recursive: true })).filter((name) => name.endsWith('.incomplete')).length)
      .toBe(3);
    first.child.kill('SIGINT');
    expect(await first.ended).toMatchObject({ code: 1, stderr: like(/^error interrupted: .*the same command goes on with it/m) });
    hub.seen.length = 0;
    const [one, two] = await Promise.all([pull('broken'), pull('broken')]);
    expect([one.code, two.code].sort()).toEqual([0, 3]);
    expect(`${one.stderr}${two.stderr}`).toMatch(/There is a pack tiny already/);
    expect(hub.seen.some(({ range }) => range === 'bytes=2000-')).toBe(true);
    expect((await readdir(at('broken/hf/hub'), { recursive: true })).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
    expect(await readdir(at('broken/packs'))).toEqual(['.files', 'tiny']);
  });
});

describe('a recipe', () => {
  it.each<[string, (parts: Record<string, object>) => object, RegExp]>([
    ['a path out of its folder', () => ({ adapter: { repo: 'a/b', files: ['../../x'] } }), /adapter/],
    ['an absolute path', () => ({ adapter: { repo: 'a/b', files: ['/etc/passwd'] } }), /adapter/],
    ['a repository that is a path', () => ({ adapter: { repo: '../b/c', files: ['x'] } }), /adapter/],
    ['an archive from the disk', (p) => ({ detector: { ...p['detector'], archive: 'file:///etc/passwd' } }), /detector/],
  ])('may not have %s', (_, change, where) => {
    const parts = recipe['parts'] as Record<string, object>;
    const parsed = Recipe.safeParse({ ...recipe, parts: { ...parts, ...change(parts) } });
    expect(parsed.error?.issues.map(({ path }) => path.join('.')).join()).toMatch(where);
  });
});
