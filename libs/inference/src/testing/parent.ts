/** A parent that starts a child, prints its id and waits to be killed. */
import { InferenceHost } from '../inference-host.ts';
import type { ToyTasks } from './toy-tasks.ts';

const host = new InferenceHost<ToyTasks>({ entry: new URL('./toy-tasks.ts', import.meta.url), execArgv: [] });
await host.start();
console.log(host.pid);
