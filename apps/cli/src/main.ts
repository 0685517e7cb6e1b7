#!/usr/bin/env node
/** `likeness`: portraits on this machine without any server, models, golden cases, and jobs on a server. */
import { Command } from 'commander';
import { benchCommand } from './commands/bench.ts';
import { compareCommand } from './commands/compare.ts';
import { datasetCommand } from './commands/dataset.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { generateCommand } from './commands/generate.ts';
import { initCommand } from './commands/init.ts';
import { jobsCommand } from './commands/jobs.ts';
import { loginCommand } from './commands/login.ts';
import { modelsCommand } from './commands/models.ts';
import { parityCommand } from './commands/parity.ts';
import { trainCommand } from './commands/train.ts';
import { reportFailure } from './failure.ts';

const program = new Command('likeness').description('Portraits that keep the person.');
const commands = [
  initCommand,
  generateCommand,
  compareCommand,
  evaluateCommand,
  modelsCommand,
  datasetCommand,
  trainCommand,
  parityCommand,
  benchCommand,
  loginCommand,
  jobsCommand,
];
for (const command of commands.map((make) => make())) program.addCommand(command);

/** Every command throws instead of exiting and leaves the one error line to `reportFailure`. */
function prepare(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
  command.commands.forEach(prepare);
}
prepare(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, console.error);
}
