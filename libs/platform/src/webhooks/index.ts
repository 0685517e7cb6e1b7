export { newWebhookSecret, signWebhook, type WebhookHeaders, type WebhookMessage } from './sign.ts';
export { parseRetryAfter, RETRY_SCHEDULE, retryDelay } from './retry.ts';
