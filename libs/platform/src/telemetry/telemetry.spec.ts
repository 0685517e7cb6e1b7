import { describe, expect, it } from 'vitest';
import { newApiKey } from '../keys/index.ts';
import { newWebhookSecret } from '../webhooks/index.ts';
import { createLogger, Metrics } from './index.ts';

describe('the log', () => {
  const logged = (write: (log: ReturnType<typeof createLogger>) => void, level = 'info') => {
    const lines: string[] = [];
    write(createLogger('test', level, { write: (line) => lines.push(line) }));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('is one JSON object per line, with a level and a name', () => {
    expect(logged((log) => log.info({ generation: 'gen_1' }, 'created'))).toMatchObject([
      { name: 'test', level: 30, generation: 'gen_1', msg: 'created' },
    ]);
    expect(logged((log) => log.debug('not wanted'))).toEqual([]);
  });

  const { key } = newApiKey();
  const secret = newWebhookSecret();
  it.each([
    ['an API key', key, 'lk_[redacted]'],
    ['a webhook secret', secret, 'whsec_[redacted]'],
    ['a bearer token', 'Bearer abc.def-ghi', 'Bearer [redacted]'],
    ['a picture', `data:image/png;base64,${'iVBORw0KGgo='.repeat(3)}`, 'data:[redacted]'],
    ['a picture that is not base64', 'data:image/svg+xml,%3Csvg%3E', 'data:[redacted]'],
    [
      'the signature of a link',
      'https://host/v1/artifacts/art_1?expires=1&signature=AbC_-1',
      'https://host/v1/artifacts/art_1?expires=1&signature=[redacted]',
    ],
    ['the password of a URL', 'postgres://likeness:secret@host:5432/db', 'postgres://likeness:[redacted]@host:5432/db'],
    ['the keys of a store', 's3://ACCESS:SECRET@host:9000/bucket', 's3://ACCESS:[redacted]@host:9000/bucket'],
  ])('shows %s nowhere', (_what, text, shown) => {
    const [line] = logged((log) => log.info({ deep: { list: [`a ${text}`] }, err: new Error(`failed with ${text}`) }, `message ${text}`));
    expect(line).toMatchObject({ deep: { list: [`a ${shown}`] }, msg: `message ${shown}`, err: { message: `failed with ${shown}` } });
    expect(JSON.stringify(line)).not.toContain(text);
  });

  it('takes a line of a megabyte in its stride', () => {
    const started = performance.now();
    logged((log) =>
      log.info({ text: 'abcdefghij'.repeat(100_000), word: 'a:'.repeat(100_000), data: `data:image/png;base64,${'A'.repeat(1_000_000)}` }),
    );
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('shows no authorization header and no cookie', () => {
    const [line] = logged((log) =>
      log.info({ req: { headers: { authorization: 'something odd', cookie: 'a=b', accept: '*/*' } } }, 'request'),
    );
    expect(line).toMatchObject({ req: { headers: { authorization: '[Redacted]', cookie: '[Redacted]', accept: '*/*' } } });
  });
});

describe('the metrics', () => {
  it('tell how long the event loop was blocked since the last reading', async () => {
    const metrics = new Metrics('test');
    const delay = async () => Number(/^event_loop_delay_p99_ms\{app="test"\} (\S+)$/m.exec(await metrics.text())?.[1]);
    await new Promise((done) => setTimeout(done, 60));
    await delay();
    await new Promise((done) => setTimeout(done, 30));
    for (const until = performance.now() + 150; performance.now() < until;);
    await new Promise((done) => setTimeout(done, 30));
    expect(await delay()).toBeGreaterThan(90);
    await new Promise((done) => setTimeout(done, 60));
    expect(await delay()).toBeLessThan(90);
  });
});
