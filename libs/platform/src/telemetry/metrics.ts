import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const RESOLUTION_MS = 10;

/**
 * The figure that tells whether a process blocks. Every call gives the 99th percentile since the call before, in milliseconds
 * beyond the sampling interval.
 */
export function eventLoopDelay(): () => number {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  return () => {
    const p99 = delay.count === 0 ? 0 : Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
    delay.reset();
    return p99;
  };
}

type Labels = Readonly<Record<string, string | number>>;

export interface Reading {
  readonly labels: Labels;
  readonly value: number;
}

/** Several gauges of one scrape share one reading. */
export function onceASecond<T>(read: () => Promise<T>): () => Promise<T> {
  let known: { until: number; value: Promise<T> } | undefined;
  return () => {
    if (!known || known.until <= Date.now()) known = { until: Date.now() + 1_000, value: read() };
    return known.value;
  };
}

/** The metrics of a process. Labels have few values: classes, stages, codes, routes as patterns; never an id. */
export class Metrics {
  readonly #registry = new Registry();

  /** With Node's own metrics and `event_loop_delay_p99_ms`. */
  constructor(app: string) {
    this.#registry.setDefaultLabels({ app });
    collectDefaultMetrics({ register: this.#registry });
    const delay = eventLoopDelay();
    this.gauge('event_loop_delay_p99_ms', '99th percentile of the event loop delay since the last reading, in milliseconds', [], () => [
      { labels: {}, value: delay() },
    ]);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  counter(name: string, help: string, labelNames: readonly string[]): (labels: Labels, by?: number) => void {
    const counter = new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
    return (labels, by = 1) => counter.inc(labels, by);
  }

  /** Seconds, in `buckets` of seconds. `known` labels are there from the start: a rate does not see the first of what was not. */
  histogram(
    name: string,
    help: string,
    labelNames: readonly string[],
    buckets: readonly number[],
    known: readonly Labels[] = [],
  ): (labels: Labels, seconds: number) => void {
    const histogram = new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers: [this.#registry] });
    for (const labels of known) histogram.zero(labels);
    return (labels, seconds) => histogram.observe(labels, seconds);
  }

  /** What `read` gives when it is asked for; while `read` fails there is no value, and the scrape goes on. */
  gauge(name: string, help: string, labelNames: readonly string[], read: () => readonly Reading[] | Promise<readonly Reading[]>): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      async collect() {
        this.reset();
        if (labelNames.length === 0) this.remove(); // which reset has set to 0
        const readings = await Promise.resolve()
          .then(read)
          .catch(() => []);
        for (const { labels, value } of readings) this.set(labels, value);
      },
    });
  }
}
