/** Logs without secrets or faces, and the delay of the event loop. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pino, type DestinationStream, type Logger } from 'pino';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export type { Logger };

/** API keys, webhook secrets, bearer tokens, signatures of URLs, passwords in URLs, pictures in data: URIs: wherever they stand in a text. */
const SECRETS: readonly [RegExp, string][] = [
  [/\blk_[0-9a-z]{26}_[\w-]+/g, 'lk_[redacted]'],
  [/\bwhsec_[\w+/=-]+/g, 'whsec_[redacted]'],
  [/\b(Bearer|Basic) [\w.~+/=-]+/gi, '$1 [redacted]'],
  [/([?&](?:signature|X-Amz-Signature|X-Amz-Credential)=)[^&\s"]+/gi, '$1[redacted]'],
  [/(\w+:\/\/[^\s:/@"]*:)[^\s@/"]+@/g, '$1[redacted]@'],
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

/** A registry with Node's own metrics and `event_loop_delay_p99_ms`, the figure that tells whether a parent blocks. */
export function createMetrics(app: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  new Gauge({
    name: 'event_loop_delay_p99_ms',
    help: '99th percentile of the event loop delay since the last reading, in milliseconds beyond the sampling interval',
    registers: [registry],
    collect() {
      this.set(delay.count === 0 ? 0 : Math.max(0, delay.percentile(99) / 1e6 - 10));
      delay.reset();
    },
  });
  return registry;
}
