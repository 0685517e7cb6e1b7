import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { newId, type Problem, type Upload } from '@likeness/contracts';
import { exec, sql } from '@likeness/platform/db';
import { picture, useApi } from '../testing/api.ts';

const api = useApi();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const blob = (bytes: Uint8Array | string) => new Blob([typeof bytes === 'string' ? bytes : new Uint8Array(bytes)]);

const declare = async (bytes: Uint8Array, changes: object = {}) => {
  const json = { filename: 'photo.jpg', content_type: 'image/jpeg', size: bytes.length, sha256: sha256(bytes), ...changes };
  const { status, body } = await api().call<Upload>('POST', '/v1/uploads', { json });
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
};
const put = <T = Upload>(
  { upload }: Upload,
  bytes: Uint8Array,
  headers: Record<string, string> = { 'content-type': 'image/jpeg' },
  url = upload?.url ?? '',
) => api().call<T>('PUT', url, { key: null, body: new Uint8Array(bytes), headers });
const send = <T = Upload>(bytes: Uint8Array | string, headers = {}) => {
  const form = new FormData();
  form.append('file', blob(bytes), 'photo.jpg');
  return api().call<T>('POST', '/v1/uploads', { body: form, headers });
};
const useIt = (id: string) =>
  api().call<Problem>('POST', '/v1/generations', { json: { input: { reference_images: [id], prompt: 'a person' } } });

describe('a declared upload', () => {
  it('is ready once its bytes are what was declared, and serves many jobs', async () => {
    const bytes = await picture();
    const declared = await declare(bytes);
    expect(declared).toMatchObject({
      status: 'pending',
      size: bytes.length,
      upload: { method: 'PUT', headers: { 'content-type': 'image/jpeg' } },
    });
    expect(declared.upload?.url.startsWith(`${api().url}/v1/uploads/${declared.id}/content?`)).toBe(true);
    const minutes = (text: string | undefined) => Math.round((Date.parse(text ?? '') - Date.now()) / 60_000);
    expect([minutes(declared.upload?.expires_at), minutes(declared.expires_at)]).toEqual([15, 24 * 60]);
    expect((await useIt(declared.id)).body.code).toBe('upload_invalid');
    const { status, body } = await put(declared, bytes);
    expect([status, body.status, body.upload]).toEqual([200, 'ready', undefined]);
    expect(Buffer.from(await api().store.get(`t/${api().tenant.id}/uploads/${declared.id}`, await api().dataKey(declared.id)))).toEqual(
      bytes,
    );
    expect([(await useIt(declared.id)).status, (await useIt(declared.id)).status]).toEqual([202, 202]);
  });

  it.each<[string, (bytes: Buffer) => { bytes?: Uint8Array; declared?: object; headers?: Record<string, string> }, string, RegExp]>([
    ['fewer bytes', (b) => ({ bytes: b.subarray(1) }), 'upload_invalid', /declared with \d+ bytes; got \d+/],
    ['more bytes', (b) => ({ bytes: Buffer.concat([b, b]) }), 'upload_invalid', /declared with \d+ bytes; got \d+/],
    ['other bytes', (b) => ({ bytes: Buffer.concat([b.subarray(1), b.subarray(0, 1)]) }), 'upload_invalid', /SHA-256/],
    ['another type', () => ({ headers: { 'content-type': 'image/png' } }), 'upload_invalid', /declared as image\/jpeg; got image\/png/],
    ['no type', () => ({ headers: {} }), 'upload_invalid', /got no Content-Type/],
  ])('with %s is rejected for good', async (_name, change, code, detail) => {
    const bytes = await picture();
    const declared = await declare(bytes);
    const { bytes: sent = bytes, headers } = change(bytes);
    const { status, body } = await put<Problem>(declared, sent, headers);
    expect([status, body.code]).toEqual([422, code]);
    expect(body.detail).toMatch(detail);
    const again = await put<Problem>(declared, bytes);
    expect([again.status, again.body.code]).toEqual([422, 'upload_invalid']);
    expect((await useIt(declared.id)).body.code).toBe('upload_invalid');
  });

  it('that is no picture is rejected', async () => {
    const bytes = Buffer.from('hello');
    const { status, body } = await put<Problem>(await declare(bytes), bytes);
    expect([status, body.code]).toEqual([422, 'image_unreadable']);
  });

  it('takes bytes by its own link only, while it lives', async () => {
    const bytes = await picture();
    const [one, two] = [await declare(bytes), await declare(bytes)];
    const stolen = one.upload?.url.replace(one.id, two.id);
    expect((await put<Problem>(two, bytes, undefined, stolen)).status).toBe(404);
    expect((await put<Problem>(two, bytes, undefined, two.upload?.url.replace(/\?.*/, ''))).status).toBe(404);
    expect((await put<Problem>(two, bytes, undefined, two.upload?.url.replace(/expires=\d+/, 'expires=1'))).status).toBe(404);
  });

  it.each<[string, object, string]>([
    ['no body', {}, '/filename'],
    ['an empty filename', { filename: '' }, '/filename'],
    ['a filename of a wrong type', { filename: 1 }, '/filename'],
    ['a type that is no picture', { content_type: 'text/plain' }, '/content_type'],
    ['a size of 0', { size: 0 }, '/size'],
    ['a size over 20 MB', { size: 20_000_001 }, '/size'],
    ['a size of a wrong type', { size: '12' }, '/size'],
    ['a hash of another kind', { sha256: 'abc' }, '/sha256'],
    ['an unknown field', { colour: 'red' }, '/colour'],
  ])('with %s is refused', async (name, change, pointer) => {
    const good = { filename: 'a.jpg', content_type: 'image/jpeg', size: 10, sha256: 'a'.repeat(64) };
    const { status, body } = await api().call<Problem>('POST', '/v1/uploads', { json: name === 'no body' ? {} : { ...good, ...change } });
    expect([status, body.code]).toEqual([422, 'validation_failed']);
    expect(body.errors?.map((error) => error.pointer)).toContain(pointer);
  });
});

describe('an upload that comes along', () => {
  it.each(['jpeg', 'png', 'webp', 'avif', 'tiff', 'gif'] as const)('as %s is ready at once, typed by its bytes', async (format) => {
    const bytes = await sharp(await picture())
      .toFormat(format)
      .toBuffer();
    const { status, body } = await send(bytes);
    expect(status, JSON.stringify(body)).toBe(201);
    expect(body).toMatchObject({
      object: 'upload',
      status: 'ready',
      filename: 'photo.jpg',
      content_type: `image/${format}`,
      size: bytes.length,
      sha256: sha256(bytes),
    });
  });

  it.each<[string, () => Promise<Buffer>]>([
    [
      'grey',
      async () =>
        sharp(await picture())
          .greyscale()
          .png()
          .toBuffer(),
    ],
    [
      'a palette',
      async () =>
        sharp(await picture())
          .png({ palette: true })
          .toBuffer(),
    ],
    [
      '16 bits',
      async () =>
        sharp(await picture())
          .toColourspace('rgb16')
          .png()
          .toBuffer(),
    ],
    [
      'CMYK',
      async () =>
        sharp(await picture())
          .toColourspace('cmyk')
          .jpeg()
          .toBuffer(),
    ],
    [
      'alpha',
      async () =>
        sharp(await picture())
          .ensureAlpha(0.5)
          .png()
          .toBuffer(),
    ],
    [
      'EXIF orientation',
      async () =>
        sharp(await picture())
          .withMetadata({ orientation: 6 })
          .jpeg()
          .toBuffer(),
    ],
  ])('with %s is taken', async (_name, bytes) => {
    expect((await send(await bytes())).status).toBe(201);
  });

  /** A PNG whose header promises far more pixels than it has. */
  const bomb = async (width: number, height: number) => {
    const png = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    png.writeUInt32BE(width, 16);
    png.writeUInt32BE(height, 20);
    const { crc32 } = await import('node:zlib');
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    return png;
  };

  it.each<[string, () => Promise<Uint8Array | string>, string, RegExp]>([
    ['nothing', async () => '', 'image_unreadable', /empty/],
    ['text', async () => 'hello world', 'image_unreadable', /68 65 6c 6c 6f/],
    ['an SVG', async () => '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"/>', 'image_unreadable', /3c 73 76 67/],
    ['a PDF', async () => '%PDF-1.7\n1 0 obj\n', 'image_unreadable', /25 50 44 46/],
    ['the first bytes of a JPEG', async () => (await picture()).subarray(0, 12), 'image_unreadable', /ff d8 ff/],
    ['60,000 × 60,000 pixels', () => bomb(60_000, 60_000), 'image_unreadable', /60000×60000 pixels; at most 50000000/],
    ['1 × 1 pixel', () => bomb(1, 1), 'image_too_small', /1×1 pixels/],
    ['63 × 200 pixels', () => picture(63, 200), 'image_too_small', /63×200 pixels; each side needs at least 64/],
  ])('that is %s is refused', async (_name, bytes, code, detail) => {
    const { status, body } = await send<Problem>(await bytes());
    expect([status, body.code]).toEqual([422, code]);
    expect(body.detail).toMatch(detail);
  });

  it('over 20 MB is too large', async () => {
    const { status, body } = await send<Problem>(Buffer.alloc(20_000_001));
    expect([status, body.code]).toEqual([413, 'payload_too_large']);
  });

  it.each<[string, (form: FormData) => void, number]>([
    ['another name', (form) => form.append('picture', blob('x'), 'a.jpg'), 422],
    ['a field', (form) => form.append('note', 'x'), 422],
    ['two files', (form) => form.append('file', blob('x'), 'b.jpg'), 422],
    ['no file', (form) => form.delete('file'), 422],
  ])('with %s is refused', async (_name, change, status) => {
    const form = new FormData();
    form.append('file', blob(await picture()), 'a.jpg');
    change(form);
    expect((await api().call<Problem>('POST', '/v1/uploads', { body: form })).status).toBe(status);
  });

  it('is made once per Idempotency-Key', async () => {
    const bytes = await picture();
    const headers = { 'idempotency-key': 'photo' };
    const first = await send(bytes, headers);
    const again = await send(bytes, headers);
    expect([again.status, again.body.id, again.headers.get('idempotent-replayed')]).toEqual([201, first.body.id, 'true']);
    const other = await send<Problem>(await picture(99, 99), headers);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });
});

describe('GET /v1/artifacts/{id}', () => {
  const bytes = Buffer.from('the bytes of a picture');
  const makeArtifact = async (): Promise<{ id: string; generation: string; url: string }> => {
    const { body } = await api().call<{ id: string }>('POST', '/v1/generations', {
      json: { input: { reference_images: ['https://93.184.215.14/a.jpg'], prompt: 'a person' } },
    });
    const id = newId('artifact');
    const dataKey = api().store.vault.newKey();
    await api().store.put(`t/${id}`, bytes, { contentType: 'image/png', dataKey });
    await exec(api().db, sql`INSERT INTO data_key (id, tenant_id, wrapped) VALUES (${body.id}, ${api().tenant.id}, ${dataKey})`);
    await exec(
      api().db,
      sql`INSERT INTO artifact (id, generation_id, tenant_id, stage, name, object_key, data_key_id, content_type, size, sha256, detail)
          VALUES (${id}, ${body.id}, ${api().tenant.id}, 'sample', 'images', ${`t/${id}`}, ${body.id}, 'image/png', ${bytes.length}, ${sha256(bytes)}, '{"width":1,"height":1,"seed":1}')`,
    );
    await exec(
      api().db,
      sql`UPDATE generation SET status = 'succeeded', stage = NULL, completed_at = now(), expires_at = now() + retention WHERE id = ${body.id}`,
    );
    const read = await api().call<{ output: { url: string }[] }>('GET', `/v1/generations/${body.id}`);
    return { id, generation: body.id, url: read.body.output[0]?.url ?? '' };
  };
  const fetchIt = (url: string, headers = {}, method = 'GET') => fetch(url, { method, headers });

  it('gives the bytes without a key, to be shown and kept privately', async () => {
    const { url, generation } = await makeArtifact();
    const response = await fetchIt(url, { accept: 'image/*' });
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(bytes.length),
      'content-disposition': `inline; filename="${generation}-0.png"`,
      'cache-control': 'private, max-age=3600, immutable',
      etag: `"${sha256(bytes)}"`,
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
    });
  });

  it('answers HEAD, ranges and If-None-Match', async () => {
    const { url } = await makeArtifact();
    const head = await fetchIt(url, {}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), (await head.arrayBuffer()).byteLength]).toEqual([
      200,
      String(bytes.length),
      0,
    ]);
    expect((await fetchIt(url, { 'if-none-match': `"${sha256(bytes)}"` })).status).toBe(304);
    for (const [range, text, content] of [
      ['bytes=4-8', 'bytes', 'bytes 4-8/22'],
      ['bytes=15-', 'picture', 'bytes 15-21/22'],
      ['bytes=-7', 'picture', 'bytes 15-21/22'],
      ['bytes=20-100', 're', 'bytes 20-21/22'],
    ] as const) {
      const part = await fetchIt(url, { range });
      expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([206, text, content]);
    }
    for (const range of ['bytes=30-40', 'bytes=5-2', 'lines=1-2', 'bytes=0-1,3-4'])
      expect((await fetchIt(url, { range })).status).toBe(200);
  });

  it.each<[string, (url: string) => string, number, string]>([
    [
      'a changed signature',
      (url) => url.replace(/signature=(.)/, (_, first) => `signature=${first === '_' ? '-' : '_'}`),
      404,
      'not_found',
    ],
    ['no signature', (url) => url.replace(/\?.*/, ''), 404, 'not_found'],
    ['a longer life', (url) => url.replace(/expires=\d/, 'expires=9'), 404, 'not_found'],
    ['another id', (url) => url.replace(/art_\w{26}/, newId('artifact')), 404, 'not_found'],
  ])('with %s is refused', async (_name, change, status, code) => {
    const { url } = await makeArtifact();
    const response = await fetchIt(change(url));
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([status, code]);
  });

  it.each<[string, (made: { id: string; generation: string }) => Promise<unknown>]>([
    ['its retention is over', ({ generation }) => exec(api().db, sql`UPDATE generation SET expires_at = now() WHERE id = ${generation}`)],
    ['its data was removed', ({ generation }) => exec(api().db, sql`UPDATE generation SET data_removed = true WHERE id = ${generation}`)],
    ['its data key was destroyed', ({ generation }) => exec(api().db, sql`DELETE FROM data_key WHERE id = ${generation}`)],
    ['its row was removed', ({ id }) => exec(api().db, sql`DELETE FROM artifact WHERE id = ${id}`)],
    ['its object is gone', ({ id }) => api().store.remove([`t/${id}`])],
  ])('is gone when %s', async (_name, remove) => {
    const made = await makeArtifact();
    await remove(made);
    const response = await fetchIt(made.url);
    expect([response.status, ((await response.json()) as Problem).code]).toEqual([410, 'data_expired']);
  });
});
