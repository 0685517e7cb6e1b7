import { newId, type Batch, type Generation, type Preset, type Problem } from '@likeness/contracts';
import { describe, expect, it } from 'vitest';
import { useApi, type Tenant } from '../testing/api.ts';

const api = useApi();
type List = { data: Preset[]; next_cursor: string | null };

const post = <T = Preset>(json: unknown, { key }: Pick<Tenant, 'key'> = api().tenant) =>
  api().call<T>('POST', '/v1/presets', { json, key });
const get = <T = Preset>(path: string, { key }: Pick<Tenant, 'key'> = api().tenant) => api().call<T>('GET', `/v1/presets${path}`, { key });
const generate = <T = Generation>(input: object, { key }: Pick<Tenant, 'key'> = api().tenant) =>
  api().call<T>('POST', '/v1/generations', {
    json: { input: { reference_images: ['https://93.184.215.14/a.jpg'], pack: 'noop', ...input } },
    key,
  });

describe('presets', () => {
  it('are the shipped ones to begin with', async () => {
    const { status, body } = await get<List>('');
    expect([status, body.data.length, body.next_cursor]).toEqual([200, 45, null]);
    const { body: styles } = await get<List>('?category=style&limit=4');
    expect(styles.data.map(({ name }) => name)).toEqual(['banksy', 'van-gogh', 'graffiti', 'watercolor']);
    const { body: next } = await get<List>(`?category=style&limit=100&cursor=${styles.next_cursor}`);
    expect([next.data.length, next.data[0]?.name, next.next_cursor]).toEqual([6, 'marble-sculpture', null]);
    const hat = (await get('/red-hat')).body;
    expect(hat).toMatchObject({ name: 'red-hat', version: 1, category: 'accessory', input: { prompt: '{subject} wearing a red hat' } });
    for (const ref of [hat.id, 'red-hat@1', 'red-hat%401']) expect((await get(`/${ref}`)).body).toEqual(hat);
  });

  it('of a tenant have versions, and go before the shipped ones', async () => {
    const tenant = await api().newTenant();
    const first = await post({ name: 'studio', category: 'style', input: { prompt: '{subject} in a studio', steps: 12 } }, tenant);
    expect([first.status, first.body.version, first.body.category]).toEqual([201, 1, 'style']);
    const second = (await post({ name: 'studio', input: { prompt: '{subject} in my studio' } }, tenant)).body;
    const hat = (await post({ name: 'red-hat', input: { prompt: '{subject} in a red cap' } }, tenant)).body;
    expect([second.version, second.category, hat.version]).toEqual([2, null, 2]);
    const { body: list } = await get<List>('?limit=4', tenant);
    expect(list.data.map(({ name, version }) => `${name}@${version}`)).toEqual(['red-hat@2', 'studio@2', 'studio@1', 'red-hat@1']);
    const { body: rest } = await get<List>(`?cursor=${list.next_cursor}`, tenant);
    expect([rest.data.length, rest.data[0]?.name]).toEqual([44, 'santa-hat']);
    expect((await get<List>('?name=studio', tenant)).body.data).toEqual([second, first.body]);
    expect((await get('/studio', tenant)).body).toEqual(second);
    expect((await get('/studio@1', tenant)).body).toEqual(first.body);
    expect((await get(`/${first.body.id}`, tenant)).body).toEqual(first.body);
    expect((await get('/red-hat', tenant)).body).toEqual(hat);
    expect((await get('/red-hat@1', tenant)).body.input.prompt).toBe('{subject} wearing a red hat');
    for (const ref of ['studio', first.body.id, 'studio@3', 'red-hat@3', newId('preset'), 'x'.repeat(100)]) {
      const { status, body } = await get<Problem>(`/${ref}`);
      expect([status, body.code]).toEqual([404, 'not_found']);
    }
  });

  it('that are made at the same moment are versions of their own', async () => {
    const tenant = await api().newTenant();
    const made = await Promise.all(Array.from({ length: 8 }, () => post({ name: 'busy', input: { steps: 1 } }, tenant)));
    expect(made.map(({ body }) => body.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it.each([
    ['a name that is none', { name: 'A b', input: { steps: 1 } }, '/name'],
    ['a version in the name', { name: 'a@1', input: { steps: 1 } }, '/name'],
    ['nothing to set', { name: 'a', input: {} }, '/input'],
    ['a picture', { name: 'a', input: { reference_images: ['https://a/b'] } }, '/input/reference_images'],
    ['a subject', { name: 'a', input: { subject: newId('subject') } }, '/input/subject'],
    ['a preset of a preset', { name: 'a', input: { preset: 'red-hat' } }, '/input/preset'],
    ['a value that is not allowed', { name: 'a', input: { steps: 0 } }, '/input/steps'],
    ['a category that is none', { name: 'a', input: { steps: 1 }, category: 'food' }, '/category'],
    ['a field that is not known', { name: 'a', input: { steps: 1 }, colour: 'red' }, '/colour'],
  ])('refuse %s', async (_, json, pointer) => {
    const { status, body } = await post<Problem>(json);
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', pointer]);
  });
});

describe('a generation with a preset', () => {
  it('has its values under those of the request, and says so', async () => {
    const tenant = await api().newTenant();
    await post({ name: 'studio', input: { prompt: '{subject} in a studio', steps: 12, seed: 5 } }, tenant);
    const { status, body } = await generate({ preset: 'studio', seed: 6, subject_description: 'a woman' }, tenant);
    expect([status, body.input]).toEqual([
      202,
      expect.objectContaining({ preset: 'studio@1', prompt: 'a woman in a studio', steps: 12, seed: 6, subject_description: 'a woman' }),
    ]);
    await post({ name: 'studio', input: { prompt: '{subject} elsewhere' } }, tenant);
    expect((await generate({ preset: 'studio' }, tenant)).body.input?.prompt).toBe('a person elsewhere');
    expect((await generate({ preset: 'studio@1' }, tenant)).body.input?.prompt).toBe('a person in a studio');
    expect((await generate({ preset: 'spacesuit' }, tenant)).body.input).toMatchObject({
      preset: 'spacesuit@1',
      prompt: 'a person wearing a spacesuit',
    });
    expect((await generate({ preset: 'spacesuit', prompt: 'a cat' }, tenant)).body.input?.prompt).toBe('a cat');
  });

  it.each([
    ['a preset that nobody has', { preset: 'nothing' }, '/input/preset'],
    ['a version that is not there', { preset: 'spacesuit@2' }, '/input/preset'],
    ['a reference that is none', { preset: '@1' }, '/input/preset'],
    ['neither prompt nor preset', {}, '/input/prompt'],
  ])('is refused for %s', async (_, input, pointer) => {
    const { status, body } = await generate<Problem>(input);
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', pointer]);
  });

  it('may be an item of a batch', async () => {
    const items = [
      { custom_id: 'snow', input: { preset: 'snow' } },
      { custom_id: 'none', input: { preset: 'none' } },
    ];
    const defaults = { input: { reference_images: ['https://93.184.215.14/a.jpg'], pack: 'noop', subject_description: 'a man' } };
    const { body } = await api().call<Batch>('POST', '/v1/batches', { json: { items, defaults } });
    expect(body.counts).toMatchObject({ accepted: 1, rejected: 1 });
    const { body: list } = await api().call<{ data: Generation[] }>('GET', '/v1/generations?limit=1');
    expect(list.data[0]).toMatchObject({
      batch: { id: body.id, custom_id: 'snow' },
      input: { prompt: 'a man in the snow', preset: 'snow@1' },
    });
  });
});
