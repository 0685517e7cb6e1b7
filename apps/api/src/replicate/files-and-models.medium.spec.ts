/** Replicate's own client against the API: files, models, streams. */
import { request as httpRequest } from 'node:http';
import { ReplicateFile } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import { picture, useApi } from '../testing/api.ts';
import { clientOf, freshInput, pictureBlob } from '../testing/replicate.ts';

const api = useApi();

describe('a file', () => {
  it('is an upload in the words of the client', async () => {
    const client = clientOf(api());
    const bytes = await picture(200);
    const file = await client.files.create(new File([new Uint8Array(bytes)], 'me.jpg', { type: 'image/jpeg' }), { order: 7 });
    expect(ReplicateFile.strict().parse(file)).toEqual(file);
    expect(file).toMatchObject({ name: 'me.jpg', content_type: 'image/jpeg', size: bytes.length, metadata: { order: 7 } });
    expect(await client.files.get(file.id)).toMatchObject({ id: file.id, metadata: { order: 7 } });
    expect((await client.files.list()).results[0]?.id).toBe(file.id);
    const download = await fetch((file.urls as unknown as { download: string }).download);
    expect([download.headers.get('content-type'), Buffer.from(await download.arrayBuffer())]).toEqual(['image/jpeg', bytes]);
    expect((await fetch(`${api().url}/v1/files/${file.id}/download?expires=1900000000&signature=x`)).status).toBe(404);

    const stranger = clientOf(api(), { auth: (await api().newTenant()).key });
    await expect(stranger.files.get(file.id)).rejects.toThrow('404');
    await expect(stranger.files.delete(file.id)).rejects.toThrow('404');
    await expect(
      stranger.predictions.create({ model: 'likeness/sketch', input: { ...freshInput(), image: file.urls.get } }),
    ).rejects.toThrow('upload_invalid');

    expect(await client.files.delete(file.id)).toBe(true);
    await expect(client.files.get(file.id)).rejects.toThrow('404');
    await expect(client.files.delete(file.id)).rejects.toThrow('404');
    await expect(client.predictions.create({ model: 'likeness/sketch', input: { ...freshInput(), image: file.urls.get } })).rejects.toThrow(
      'upload_invalid',
    );
    expect((await client.files.list()).results.map(({ id }) => id)).not.toContain(file.id);
  });

  it.each<[string, (form: FormData) => void, number]>([
    ['metadata as a field', (form) => form.append('metadata', '{"a": 1}'), 201],
    ['no metadata', () => undefined, 201],
    ['metadata that is no object', (form) => form.append('metadata', '[1]'), 422],
    ['metadata that is no JSON', (form) => form.append('metadata', new Blob(['x']), 'blob'), 422],
    ['a part that is not known', (form) => form.append('owner', 'me'), 422],
    ['two contents', (form) => form.append('content', new Blob(['x']), 'b.jpg'), 422],
  ])('comes with %s', async (_name, add, status) => {
    const form = new FormData();
    form.append('content', await pictureBlob(120), 'a.jpg');
    add(form);
    expect((await api().call('POST', '/v1/files', { body: form })).status).toBe(status);
  });

  it('that is too large is 413', async () => {
    const form = new FormData();
    form.append('content', new Blob([new Uint8Array(20_000_001)]), 'a.jpg');
    expect(await api().call('POST', '/v1/files', { body: form })).toMatchObject({
      status: 413,
      body: { detail: expect.any(String) as string },
    });
  });

  it('sent six times at once is one', async () => {
    const { key } = await api().newTenant({ ratePerMinute: 1 });
    const bytes = await pictureBlob(130);
    const send = () => {
      const form = new FormData();
      form.append('content', bytes, 'a.jpg');
      return api().call<{ id: string }>('POST', '/v1/files', { body: form, key });
    };
    const answers = await Promise.all(Array.from({ length: 6 }, send));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(201));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });
});

describe('the models', () => {
  it('are the packs', async () => {
    const client = clientOf(api());
    const model = await client.models.get('likeness', 'sketch');
    expect(model).toMatchObject({
      owner: 'likeness',
      name: 'sketch',
      url: `${api().url}/v1/models/likeness/sketch`,
      latest_version: { id: 'sketch-1' },
    });
    const version = await client.models.versions.get('likeness', 'sketch', 'sketch-1');
    expect(version.cog_version).toBe('0.9.0'); // anything below 0.3.9 makes Python's `run` return a generator
    const { Input, Output } = (version.openapi_schema as { components: { schemas: Record<string, Record<string, unknown>> } }).components
      .schemas;
    expect(Input).toMatchObject({ type: 'object', additionalProperties: false });
    expect(Input?.['properties']).toMatchObject({
      prompt: { type: 'string' },
      width: { default: 256 },
      num_inference_steps: { default: 20 },
      image: { format: 'uri' },
    });
    expect(Output).toMatchObject({ type: 'array', items: { type: 'string', format: 'uri' } });
    const versions = (await client.models.versions.list('likeness', 'sketch')) as unknown as { results: { id: string }[] };
    expect(versions.results.map(({ id }) => id)).toEqual(['sketch-1']);
    await expect(client.models.get('likeness', 'none')).rejects.toThrow('404');
    await expect(client.models.versions.get('likeness', 'sketch', '2')).rejects.toThrow('404');
    const names = (page: { results: { name: string }[] }) => page.results.map(({ name }) => name);
    expect(names(await client.models.search('Real architectures'))).toEqual(['sketch']);
    expect(names(await client.models.search('nothing like it'))).toEqual([]);
    expect(names(await client.models.list())).toEqual(expect.arrayContaining(['noop', 'sketch']));
  });

  it('belong to an account', async () => {
    expect(await clientOf(api()).accounts.current()).toMatchObject({
      type: 'organization',
      username: api().tenant.id,
      name: api().tenant.id,
    });
  });
});

describe('a stream', () => {
  it('tells what happened and ends with `done`; the link is the permission', async () => {
    const client = clientOf(api());
    const made = await client.predictions.create({ model: 'likeness/sketch', input: freshInput() });
    const link = made.urls.stream ?? '';
    const open = fetch(link, { headers: { accept: 'text/event-stream' } });
    expect((await open).headers.get('content-type')).toBe('text/event-stream');
    await client.predictions.cancel(made.id);
    const seed = (made.input as { seed: number }).seed;
    expect((await (await open).text()).replaceAll(': ping\n\n', '')).toBe(
      `id: 1\nevent: logs\ndata: Using seed: ${seed}\ndata: \n\nid: 2\nevent: done\ndata: {"reason":"canceled"}\n\n`,
    );
    const rest = await fetch(link, { headers: { 'last-event-id': '1' } });
    expect((await rest.text()).replaceAll(': ping\n\n', '')).toBe('id: 2\nevent: done\ndata: {"reason":"canceled"}\n\n');
    expect((await fetch(link.replace(/signature=./, 'signature='))).status).toBe(404);
    const { id: other } = await client.predictions.create({ model: 'likeness/sketch', input: freshInput() });
    expect((await fetch(link.replace(made.id, other))).status).toBe(404);
    expect((await fetch(link, { headers: { accept: 'text/html' } })).status).toBe(406);
  });

  it('is let go when the client goes', async () => {
    const made = await clientOf(api()).predictions.create({ model: 'likeness/sketch', input: freshInput() });
    await new Promise<void>((done, failed) => {
      const open = httpRequest(made.urls.stream ?? '', (response) => response.once('data', () => open.destroy()).once('close', done));
      open.once('error', failed).end();
    });
  });
});
