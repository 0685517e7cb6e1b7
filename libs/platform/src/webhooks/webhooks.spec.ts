import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { newWebhookSecret, parseRetryAfter, RETRY_SCHEDULE, retryDelay, signWebhook } from './index.ts';

describe('a signature', () => {
  const body = JSON.stringify({ type: 'generation.completed', text: 'ü 𝄞' });

  it('is one that the Standard Webhooks library verifies', () => {
    const secret = newWebhookSecret();
    const headers = signWebhook({ id: 'whd_1', timestamp: new Date(), body, secrets: [secret] });
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow();
    expect(() => new Webhook(secret).verify(body, { ...headers, 'webhook-id': 'whd_2' })).toThrow();
    expect(() => new Webhook(newWebhookSecret()).verify(body, headers)).toThrow();
  });

  it('is the one of the specification’s example', () => {
    const headers = signWebhook({
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: new Date(1_614_265_330_000),
      body: '{"test": 2432232314}',
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    });
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('holds for the old and the new secret during a rotation', () => {
    const [fresh, old] = [newWebhookSecret(), newWebhookSecret()];
    const headers = signWebhook({ id: 'whd_1', timestamp: new Date(), body, secrets: [fresh, old] });
    for (const secret of [fresh, old]) expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  });

  it.each([[[]], [['']], [['whsec_']], [['whsec_short']], [['whsec_not base64 at all, is it?!']], [['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']]])(
    'is not made with %j',
    (secrets) => {
      expect(() => signWebhook({ id: 'whd_1', timestamp: new Date(), body, secrets })).toThrow();
    },
  );
});

describe('the delay before the next attempt', () => {
  it('follows the schedule, then there is none', () => {
    const middle = () => 0.5;
    expect(Array.from({ length: 9 }, (_, attempts) => retryDelay(attempts, undefined, middle))).toEqual([...RETRY_SCHEDULE, null]);
  });

  it('varies by a fifth to both sides', () => {
    expect(retryDelay(1, undefined, () => 0)).toBe(4_000);
    expect(retryDelay(1, undefined, () => 1)).toBe(6_000);
  });

  it('heeds Retry-After between once and twice the schedule', () => {
    expect(retryDelay(1, 1_000)).toBe(5_000);
    expect(retryDelay(1, 7_000)).toBe(7_000);
    expect(retryDelay(1, 60_000)).toBe(10_000);
    expect(retryDelay(8, 60_000)).toBeNull();
  });
});

it.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Tue, 24 Nov 2026 09:00:30 GMT', 30_000],
  ['Tue, 24 Nov 2026 08:00:00 GMT', 0],
  ['soon', undefined],
  ['-5', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After %j is %j ms', (header, milliseconds) => {
  expect(parseRetryAfter(header, Date.UTC(2026, 10, 24, 9))).toBe(milliseconds);
});
