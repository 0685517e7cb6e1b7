export { newApiKey, parseApiKey, sameSecret, type ParsedApiKey } from './api-key.ts';
