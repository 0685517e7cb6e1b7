/**
 * `npm run dev -- [options of npm start]`: builds, serves, and does both again whenever a source changes. A build that fails leaves the
 * last good system running; the demo job runs only where `npm start` is meant to show it.
 */
import type { ChildProcess } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { exitOf, forwardSignals, root, run, start, wasInterrupted } from './processes.ts';

const settleMs = 200;
const watched = ['libs', 'apps', 'prisma'];
const args = ['--no-demo', ...process.argv.slice(2).filter((arg) => arg !== '--no-demo')];

let stack: ChildProcess | undefined;
let stackEnded: Promise<number> = Promise.resolve(0);
let timer: NodeJS.Timeout | undefined;
let turn = Promise.resolve();

forwardSignals();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave());
nextTurn();
for (const folder of watched) {
  watch(join(root, folder), { recursive: true }, (_, file) => {
    if (file === null || /(^|\/)(dist|node_modules|generated)(\/|$)|\.spec\.ts$/.test(file)) return;
    clearTimeout(timer);
    timer = setTimeout(nextTurn, settleMs);
  });
}

/** Turns follow one another: a change during a build leads to the next build, not to a second one beside it. */
function nextTurn(): void {
  turn = turn.then(buildAndServe);
}

async function buildAndServe(): Promise<void> {
  if (wasInterrupted()) return;
  // Set-up again, for a changed schema needs its client generated.
  const setUp = await run('node', ['tools/setup.mjs']);
  const build = setUp.code === 0 ? await run('nx', ['run-many', '--targets=build', '--output-style=static'], { output: 'keep' }) : setUp;
  if (build.code !== 0) {
    console.error(`${build.output}\nlikeness: the build failed; what ran before goes on running`);
    return;
  }
  if (stack) {
    console.error('likeness: restarting');
    stack.kill('SIGTERM');
    await stackEnded;
  }
  if (wasInterrupted()) return;
  stack = start('node', ['tools/start.ts', ...args]);
  stackEnded = exitOf(stack);
}

/** The watchers would keep this process alive; it ends when the system it served has ended. */
async function leave(): Promise<void> {
  await turn;
  process.exit(await stackEnded);
}
