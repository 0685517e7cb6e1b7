/** `npm run build`: compiles every package that changed since its last build, in the order of their dependencies. */
import { forwardSignals, run } from './processes.ts';

forwardSignals();
const { code } = await run('nx', ['run-many', '--targets=build', '--output-style=static', ...process.argv.slice(2)]);
process.exitCode = code;
