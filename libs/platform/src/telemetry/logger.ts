/** Logs without secrets or faces. */
import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger };

/** API keys, webhook secrets, bearer tokens, signatures of URLs, passwords in URLs, pictures in data: URIs: wherever they stand in a text. */
const SECRETS: readonly [RegExp, string][] = [
  [/\blk_[0-9a-z]{26}_[\w-]+/g, 'lk_[redacted]'],
  [/\bwhsec_[\w+/=-]+/g, 'whsec_[redacted]'],
  [/\b(Bearer|Basic) [\w.~+/=-]+/gi, '$1 [redacted]'],
  [/([?&](?:signature|X-Amz-Signature|X-Amz-Credential)=)[^&\s"]+/gi, '$1[redacted]'],
  [/\b([a-z][a-z0-9+.-]{0,15}:\/\/[^\s:/@"]{0,200}:)[^\s@/"]{1,500}@/gi, '$1[redacted]@'], // bounded, so that a long line costs no more than its length
  [/\bdata:[\w.+-]+\/[\w.+-]+[;,][^\s"\\]*/g, 'data:[redacted]'],
];

export const redact = (text: string): string =>
  SECRETS.reduce((redacted, [pattern, replacement]) => redacted.replace(pattern, replacement), text);

/** JSON lines on stdout. Redaction works on the finished line, so that it holds for every field, message and stack. */
export function createLogger(name: string, level: string, destination: DestinationStream = process.stdout): Logger {
  return pino(
    { name, level, redact: ['req.headers.authorization', 'headers.authorization', 'req.headers.cookie'] },
    { write: (line) => destination.write(redact(line)) },
  );
}
