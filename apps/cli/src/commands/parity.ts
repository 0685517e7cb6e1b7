import { Command } from 'commander';

export const parityCommand = () =>
  new Command('parity')
    .description('run golden cases and compare with what the original libraries made of them')
    .argument('<dir...>', 'folders of cases')
    .action(async (folders: string[]) => {
      const { runParity } = await import('../parity/run-parity.ts');
      process.exitCode = await runParity(folders);
    });
