import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

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

/** A registry with Node's own metrics and `event_loop_delay_p99_ms`. */
export function createMetrics(app: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  const read = eventLoopDelay();
  new Gauge({
    name: 'event_loop_delay_p99_ms',
    help: '99th percentile of the event loop delay since the last reading, in milliseconds beyond the sampling interval',
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
  return registry;
}
