/** A parent that starts a child, gives it the task of its argument, prints its id and waits to be killed. */
import { InferenceHost } from '../inference-host.ts';
import type { ToyTasks } from './toy-tasks.ts';

const host = new InferenceHost<ToyTasks>({ entry: new URL('./toy-tasks.ts', import.meta.url), execArgv: [] });
await host.start();
const task = process.argv[2] as 'hang' | 'chatter' | undefined;
if (task) host.run(task, undefined).catch(() => {});
console.log(host.pid);
