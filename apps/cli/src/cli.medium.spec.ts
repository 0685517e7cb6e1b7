import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readManifest } from '@likeness/models';
import { writeNanoDraft } from './testing/nano-draft.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const portrait = fileURLToPath(new URL('../../../samples/portrait.jpg', import.meta.url));
const another = fileURLToPath(new URL('../../../samples/another.jpg', import.meta.url));

const like = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const containing = (part: string): unknown => expect.stringContaining(part);

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function likeness(...args: string[]) {
  const child = spawn(process.execPath, ['--conditions=source', main, ...args], {
    env: { ...process.env, XDG_CONFIG_HOME: join(dir, 'config'), XDG_CACHE_HOME: join(dir, 'cache'), PACKS_DIR: join(dir, 'packs') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  return { stdout, stderr, code };
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

describe('likeness init', () => {
  it('makes every secret once: a second run keeps them all, and one adds what a file lacks', async () => {
    const out = join(dir, 'secrets.env');
    expect(await likeness('init', '--out', out)).toMatchObject({ code: 0, stdout: `${out}: 10 secrets made, 0 kept\n` });
    const first = await readFile(out, 'utf8');
    const values = first.split('\n').filter((line) => /^[A-Z_]+=.{32,}$/.test(line));
    expect(new Set(values.map((line) => line.slice(line.indexOf('=')))).size).toBe(10);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(await likeness('init', '--out', out)).toMatchObject({ code: 0, stdout: `${out}: 0 secrets made, 10 kept\n` });
    expect(await readFile(out, 'utf8')).toBe(first);

    const older = `PORT=4100\nREDIS_PASSWORD=\n${values[0]}`;
    await writeFile(out, older);
    expect(await likeness('init', '--out', out)).toMatchObject({ code: 0, stdout: `${out}: 9 secrets made, 1 kept\n` });
    expect(await readFile(out, 'utf8')).toContain(`${older}\n`);
  });
});

describe('likeness generate', () => {
  const flags = ['generate', '--image', portrait, '--prompt', 'A man wearing a santa hat', '--seed', '7', '--steps', '3'];

  it('writes the pictures and result.json, prints their paths, and shows progress on stderr', async () => {
    const out = join(dir, 'plain');
    const { stdout, stderr, code } = await likeness(
      ...flags,
      '--num-images',
      '2',
      '--merge-step',
      '0.6',
      '--regions',
      'nose,mouth',
      '--out',
      out,
    );
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([join(out, 'image-0.png'), join(out, 'image-1.png')]);
    expect(stderr.trim().split('\n')).toEqual([
      'parse',
      'embed',
      'sample',
      'sample 1/6',
      'sample 2/6',
      'sample 3/6',
      'sample 4/6',
      'sample 5/6',
      'sample 6/6',
    ]);
    const result = JSON.parse(await readFile(join(out, 'result.json'), 'utf8')) as Record<string, unknown>;
    expect(result).toMatchObject({
      request: { prompt: 'A man wearing a santa hat', steps: 3, merge_step: 2, facial_regions: ['nose', 'mouth'], width: 256 },
      seed: 7,
      pack: { name: 'sketch', trained: false, digest: like(/^[0-9a-f]{64}$/) },
      identity_similarity: null,
      warnings: ['no_face_detector'],
      images: [{ seed: 7, path: join(out, 'image-0.png') }, { seed: 8 }],
    });
    expect((await stat(join(out, 'image-1.png'))).size).toBeGreaterThan(1000);
  });

  it('prints one JSON object and nothing else with --json; the same request gives the same picture', async () => {
    const run = async (out: string) =>
      JSON.parse((await likeness(...flags, '--json', '--format', 'webp', '--out', join(dir, out))).stdout) as {
        images: { sha256: string; path: string }[];
      };
    const [first, second] = [await run('json-1'), await run('json-2')];
    expect(first.images[0]!.path).toBe(join(dir, 'json-1', 'image-0.webp'));
    expect(first.images[0]!.sha256).toBe(second.images[0]!.sha256);
    const own = JSON.parse(await readFile(join(dir, 'json-1', 'result.json'), 'utf8')) as unknown;
    expect(own).toEqual(first);
  });

  it.each([
    [2, /^error validation_failed: required option '--prompt <text>' not specified/m, ['generate', '--image', portrait, '--out', 'x']],
    [2, /^error validation_failed: --steps "many" is not a number/m, [...flags, '--steps', 'many', '--out', 'x']],
    [2, /^error validation_failed: steps 0 is not allowed/m, [...flags, '--steps', '0', '--out', 'x']],
    [2, /^error validation_failed: merge_step "1\.5" is not allowed/m, [...flags, '--merge-step', '1.5', '--out', 'x']],
    [2, /^error validation_failed: facial_regions "hair" is not allowed/m, [...flags, '--regions', 'hair', '--out', 'x']],
    [2, /^error validation_failed: corrections "sharper" is not allowed/m, [...flags, '--corrections', 'sharper', '--out', 'x']],
    [2, /^error validation_failed: noise_device "mps" is not allowed/m, [...flags, '--noise-device', 'mps', '--out', 'x']],
    [2, /^error validation_failed: width × height "512×256" .* 256×256 with the pack sketch/m, [...flags, '--width', '512', '--out', 'x']],
    [2, /^error validation_failed: unknown option '--colour'/m, [...flags, '--colour', '--out', 'x']],
    [2, /^error image_unreadable: .*absent\.jpg cannot be read/m, [...flags, '--image', 'absent.jpg', '--out', 'x']],
    [2, /^error image_unreadable: The file is no JPEG/m, [...flags, '--image', main, '--out', 'x']],
    [3, /^error model_unavailable: There is no pack "absent"/m, [...flags, '--pack', 'absent', '--out', 'x']],
  ])('exits %i with %s', async (code, message, args) => {
    const result = await likeness(...args);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
  });
});

describe('likeness models', () => {
  it('lists and verifies packs', async () => {
    const list = JSON.parse((await likeness('models', 'list', '--json')).stdout) as { name: string; trained: boolean }[];
    expect(list).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'sketch', trained: false }) as unknown]));
    const { stdout, code } = await likeness('models', 'verify', 'sketch');
    expect(code).toBe(0);
    for (const network of [
      'parser',
      'recognizer',
      'image_encoder',
      'text_encoder',
      'identity_projection',
      'visual_projection',
      'fuse',
      'unet',
      'vae_decoder',
    ]) {
      expect(stdout).toMatch(new RegExp(`^ok ${network} \\d+ parameters`, 'm'));
    }
    expect((await likeness('models', 'verify', 'absent')).code).toBe(3);
  });

  it('bundles what training left, and says what is wrong with it', async () => {
    const draft = await writeNanoDraft(join(dir, 'draft'));
    const documents = ['--with', join(dir, 'draft/README.md'), join(dir, 'draft/LICENSE')];
    const { stdout, code } = await likeness('models', 'bundle', draft, '--out', join(dir, 'bundled'), ...documents);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^unet 10865288 parameters \S+ MB$/m);
    expect(await readdir(join(dir, 'bundled/nano-shaped'))).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'pack.json', 'unet']));
    expect(await likeness('models', 'bundle', draft, '--out', join(dir, 'bundled'), ...documents)).toMatchObject({
      code: 3,
      stderr: like(/^error model_unavailable: There is a pack nano-shaped already/),
    });
    const tooSmall = ['--out', join(dir, 'other'), '--max-megabytes', '1'];
    expect((await likeness('models', 'bundle', draft, ...tooSmall, ...documents)).stderr).toMatch(/bytes; 1000000 are allowed/);
  });
});

describe('likeness compare', () => {
  it('says how much pictures look like a reference, and refuses a pack that cannot know', async () => {
    await writeTrainedSketch(join(dir, 'packs'));
    const { stdout, code } = await likeness('compare', '--image', portrait, '--pack', 'trained', portrait, another);
    expect(code).toBe(0);
    const rows = stdout.trimEnd().split('\n');
    expect(rows).toEqual([like(/^ {2}1\.000 {2}\S+portrait\.jpg$/), like(/^ {1,2}-?0\.\d{3} {2}\S+another\.jpg$/)]);
    expect(await likeness('compare', '--image', portrait, '--pack', 'sketch', another)).toMatchObject({
      code: 3,
      stderr: like(/^error measure_unavailable: The pack sketch is not trained/),
    });
    expect(await likeness('compare', '--image', join(dir, 'none.jpg'), '--pack', 'trained', another)).toMatchObject({
      code: 2,
      stderr: like(/^error image_unreadable: \S+none\.jpg cannot be read/),
    });
  });

  /** Its numbers mean nothing, but it claims that they do. */
  async function writeTrainedSketch(packs: string): Promise<void> {
    const { manifest } = await readManifest('sketch');
    await mkdir(join(packs, 'trained'), { recursive: true });
    await writeFile(join(packs, 'trained/pack.json'), JSON.stringify({ ...manifest, name: 'trained', trained: true }));
  }
});

describe('likeness jobs', () => {
  const generation = (status: string, error: unknown = null) => ({
    id: 'gen_01jdz3xkq7e9m8c5w2v6t4s1pa', object: 'generation', status, stage: null, sequence: 3, queue: null, progress: { step: 2, total: 20, percent: 10, preview_url: null },
    input: null, output: null, error, warnings: [], attempt: 1, pack: { name: 'sketch', version: '1', trained: false }, priority: 'normal', cancel_requested_at: null, deadline_at: null,
    created_at: '2026-11-24T09:00:00.000Z', started_at: null, completed_at: null, expires_at: null, data_removed: false, metadata: {}, usage: { gpu_seconds: 0, images: 0 },
    timings_ms: { queued: null, parse: null, embed: null, sample: null }, cache: { parse: false, embed: false }, retry_of: null, batch: null, urls: { get: 'http://localhost/x', cancel: 'http://localhost/y', events: 'http://localhost/z' },
  }); // prettier-ignore
  const problem = (code: string, status: number) => ({
    type: 'about:blank',
    title: code,
    status,
    code,
    detail: 'because',
    hint: '',
    retryable: false,
    request_id: 'r',
  });

  let server: Server;
  let url: string;
  const seen: { method: string; path: string; key: string | undefined; body: string }[] = [];
  let answer: (request: IncomingMessage) => [status: number, body: unknown];
  beforeAll(async () => {
    server = createServer((request, response) => {
      void text(request).then((received) => {
        seen.push({ method: request.method!, path: request.url!, key: request.headers.authorization, body: received });
        const [status, body] = answer(request);
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => void seen.splice(0));
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('needs a login, which a wrong key does not get', async () => {
    expect(await likeness('jobs', 'list')).toMatchObject({
      code: 1,
      stderr: containing('error unauthenticated: No server is known yet'),
    });
    answer = () => [401, problem('unauthenticated', 401)];
    expect(await likeness('login', url, '--key', 'wrong')).toMatchObject({ code: 1, stderr: 'error unauthenticated: because\n' });
    expect(await likeness('jobs', 'list')).toMatchObject({ code: 1, stderr: containing('No server is known yet') });
    answer = () => [200, {}];
    expect(await likeness('login', url, '--key', 'lk_right')).toMatchObject({ code: 0 });
    const file = join(dir, 'config/likeness/connection.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ url, api_key: 'lk_right' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('creates and follows a job', async () => {
    let asked = 0;
    answer = (request) => [
      request.method === 'POST' ? 202 : 200,
      generation(request.method === 'GET' && asked++ > 0 ? 'succeeded' : 'processing'),
    ];
    const { stdout, stderr, code } = await likeness(
      'jobs',
      'create',
      '--image',
      portrait,
      '--prompt',
      'A man',
      '--guidance',
      '4.5',
      '--merge-step',
      '0.6',
      '--wait',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'succeeded' });
    expect(stderr.split('\n')[0]).toBe('processing 2/20');
    expect(seen.map(({ method, path }) => `${method} ${path.replace(/wait=\d+/, 'wait=N')}`)).toEqual([
      'POST /v1/generations', 'GET /v1/generations/gen_01jdz3xkq7e9m8c5w2v6t4s1pa', 'GET /v1/generations/gen_01jdz3xkq7e9m8c5w2v6t4s1pa?wait=N',
    ]); // prettier-ignore
    expect(seen[0]!.key).toBe('Bearer lk_right');
    const { input } = JSON.parse(seen[0]!.body) as { input: { reference_images: string[] } };
    expect(input).toEqual({
      reference_images: [like(/^data:.*;base64,/)],
      prompt: 'A man',
      guidance_scale: 4.5,
      merge_step: '0.6',
    });
    expect(Buffer.from(input.reference_images[0]!.split(',')[1]!, 'base64').equals(await readFile(portrait))).toBe(true);
  });

  it('fails like the job or the request did', async () => {
    const error = { code: 'no_face_detected', title: '', detail: 'No face.', hint: '', retryable: false, stage: 'parse' };
    answer = () => [200, generation('failed', error)];
    expect(await likeness('jobs', 'wait', 'gen_x')).toMatchObject({
      code: 2,
      stderr: containing('error no_face_detected: No face.'),
    });
    answer = () => [422, { ...problem('validation_failed', 422), errors: [{ pointer: '/input/steps', detail: 'too many' }] }];
    expect(await likeness('jobs', 'create', '--image', portrait, '--prompt', 'x')).toMatchObject({
      code: 2,
      stderr: 'error validation_failed: because /input/steps: too many\n',
    });
    answer = () => [404, problem('not_found', 404)];
    expect(await likeness('jobs', 'get', 'gen_x')).toMatchObject({ code: 1, stdout: '' });
  });

  it('cancels and lists', async () => {
    answer = (request) => [200, request.method === 'POST' ? generation('canceled') : { data: [generation('queued')], next_cursor: null }];
    expect(JSON.parse((await likeness('jobs', 'cancel', 'gen_x')).stdout)).toMatchObject({ status: 'canceled' });
    expect(JSON.parse((await likeness('jobs', 'list', '--limit', '5', '--status', 'queued')).stdout)).toMatchObject({
      data: [{ status: 'queued' }],
    });
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /v1/generations/gen_x/cancel',
      'GET /v1/generations?limit=5&status=queued',
    ]);
  });

  it('talks to the server of the environment rather than to the remembered one', async () => {
    vi.stubEnv('LIKENESS_URL', url).stubEnv('LIKENESS_API_KEY', 'lk_of_the_environment');
    onTestFinished(() => void vi.unstubAllEnvs());
    answer = () => [200, generation('queued')];
    expect(await likeness('jobs', 'get', 'gen_x')).toMatchObject({ code: 0 });
    expect(seen.at(-1)).toMatchObject({ key: 'Bearer lk_of_the_environment' });
  });

  it('says that a server is not there', async () => {
    await writeFile(join(dir, 'config/likeness/connection.json'), JSON.stringify({ url: 'http://127.0.0.1:1', api_key: 'k' }));
    expect(await likeness('jobs', 'list')).toMatchObject({
      code: 1,
      stderr: like(/^error unavailable: http:\/\/127\.0\.0\.1:1 does not answer/),
    });
  });
});
