import { describe, expect, it } from 'vitest';
import {
  CancelAfter,
  cancelAfterSeconds,
  errors,
  GenerationInput,
  id,
  IsoDuration,
  isoDurationSeconds,
  isErrorCode,
  isId,
  LikenessError,
  MergeStep,
  newId,
  Problem,
  ReferenceImage,
  WebhookUrl,
  type ErrorCode,
} from './index.ts';

describe('ids', () => {
  it('have a prefix and 26 characters, and sort by the time they were made', () => {
    const made = Array.from({ length: 100 }, (_, i) => newId('generation', 1_700_000_000_000 + i));
    for (const one of made) expect(one).toMatch(/^gen_[0-9a-hjkmnp-tv-z]{26}$/);
    expect([...made].sort()).toEqual(made);
    expect(new Set(Array.from({ length: 1000 }, () => newId('stage', 0))).size).toBe(1000);
  });

  it('are UUIDs of version 7 inside', () => {
    const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
    const bits = [...newId('artifact', 0x0123_4567_89ab).slice(4)].reduce((value, c) => value * 32n + BigInt(alphabet.indexOf(c)), 0n);
    const hex = bits.toString(16).padStart(32, '0');
    expect(hex.slice(0, 12)).toBe('0123456789ab');
    expect(hex[12]).toBe('7');
    expect('89ab').toContain(hex[16]);
  });

  it('are told from everything else', () => {
    expect(isId('upload', newId('upload'))).toBe(true);
    for (const text of ['', 'upl_', newId('generation'), `${newId('upload')}0`, `upl_${'u'.repeat(26)}`, `upl_${'A'.repeat(26)}`]) {
      expect(isId('upload', text), text).toBe(false);
    }
    expect(id('key').safeParse(1).success).toBe(false);
  });
});

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) => schema.safeParse(value).success;

describe('values', () => {
  it.each([-1, 0, 1, 30, 100, 0.5, 0.001, '0.6', '.5', '1.0', '0.0'])('merge_step %j', (value) =>
    expect(accepts(MergeStep, value)).toBe(true),
  );
  it.each([-2, 101, 1.5, '6', '1.1', '0.6x', '', null])('no merge_step %j', (value) => expect(accepts(MergeStep, value)).toBe(false));

  it.each([
    ['P30D', 2_592_000],
    ['PT12H', 43_200],
    ['P1DT1H1M1S', 90_061],
    ['PT0S', 0],
  ])('duration %s', (text, seconds) => {
    expect(accepts(IsoDuration, text)).toBe(true);
    expect(isoDurationSeconds(text)).toBe(seconds);
  });
  it.each(['P', 'PT', '30D', 'P1M', 'P1Y', 'P-1D', 'P3651D', 'P1.5D', 'P9999999999D'])('no duration %s', (text) =>
    expect(accepts(IsoDuration, text)).toBe(false),
  );

  it.each([
    ['5s', 5],
    ['2m', 120],
    ['24h', 86_400],
  ])('cancel_after %s', (text, seconds) => {
    expect(accepts(CancelAfter, text)).toBe(true);
    expect(cancelAfterSeconds(text)).toBe(seconds);
  });
  it.each(['4s', '25h', '1d', '-5s', '5', 's', '1e9h'])('no cancel_after %s', (text) => expect(accepts(CancelAfter, text)).toBe(false));

  it.each(['https://example.com/a.jpg?x=1', 'http://10.0.0.1/a', newId('upload'), 'data:image/png;base64,AAAA'])('reference %s', (text) =>
    expect(accepts(ReferenceImage, text)).toBe(true),
  );
  it.each(['', 'a.jpg', 'file:///etc/passwd', 'ftp://a/b', 'https://a b', 'data:image/png,AAAA', newId('generation'), 'https://a/\0'])(
    'no reference %j',
    (text) => expect(accepts(ReferenceImage, text)).toBe(false),
  );

  it.each(['https://example.com/', 'http://127.0.0.1:8080/hook?x=1'])('webhook %s', (text) => expect(accepts(WebhookUrl, text)).toBe(true));
  it.each(['', 'example.com', 'ftp://example.com', 'https://u:p@example.com', 'https://a/ b', `https://a/${'x'.repeat(2048)}`])(
    'no webhook %j',
    (text) => expect(accepts(WebhookUrl, text)).toBe(false),
  );

  it('an input has no field that is not known', () => {
    const input = { reference_images: ['https://a/b'], prompt: 'x' };
    expect(accepts(GenerationInput, input)).toBe(true);
    expect(accepts(GenerationInput, { ...input, style: 1 })).toBe(false);
  });
});

describe('the error registry', () => {
  it.each(Object.entries(errors))('%s is complete', (code, { status, title, hint, example }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    for (const text of [title, hint, example]) expect(text.length).toBeGreaterThan(10);
    expect(Problem.shape.code.safeParse(code).success).toBe(true);
  });

  it('makes errors that know their status and their place in a job', () => {
    const error = new LikenessError('gpu_out_of_memory', '8 images do not fit.', { retryAfter: 3, cause: new Error('inner') });
    expect([error.status, error.retryable, error.retryAfter, (error.cause as Error).message]).toEqual([503, true, 3, 'inner']);
    expect(error.toJobError('sample')).toEqual({
      code: 'gpu_out_of_memory',
      title: errors.gpu_out_of_memory.title,
      detail: '8 images do not fit.',
      hint: errors.gpu_out_of_memory.hint,
      retryable: true,
      stage: 'sample',
    });
    expect(isErrorCode('internal' satisfies ErrorCode)).toBe(true);
    expect(isErrorCode('toString')).toBe(false);
  });
});
