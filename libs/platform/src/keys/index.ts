export { newApiKey, newApiKeySecret, parseApiKey, sameSecret, type ParsedApiKey } from './api-key.ts';
