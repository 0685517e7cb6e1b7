/** `likeness models pull`: a pack from where its files are published. */
import { join } from 'node:path';
import { Command } from 'commander';
import { newPacksFolder } from '../cli.config.ts';
import { CliError } from '../failure.ts';
import { hubOptions } from '../hub/hub.config.ts';
import { pull } from '../hub/pull.ts';
import { loadRecipe } from '../hub/recipe.ts';
import { ProgressLine } from '../progress-line.ts';

/** Between two lines of progress where they are kept, and on a terminal, where the line is rewritten. */
const everyMs = () => (process.stderr.isTTY ? 250 : 10_000);

export const pullCommand = () =>
  new Command('pull')
    .description('download the files of a recipe, check them, and make a pack of them; what was interrupted goes on')
    .argument('<recipe>', 'consistentid-sd15, or a recipe in a JSON file')
    .option('--accept-licence', 'you have read the licences and accept what they forbid')
    .option('--replace', 'take the place of a pack of that name')
    .action(async (name: string, { acceptLicence, replace }: { acceptLicence?: true; replace?: true }) => {
      const recipe = await loadRecipe(name);
      const interrupted = new AbortController();
      const onSignal = () =>
        interrupted.abort(new CliError('interrupted', 'The download was interrupted; the same command goes on with it.'));
      process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
      const progress = new ProgressLine(process.stderr);
      try {
        const hub = { ...(await hubOptions()), signal: interrupted.signal };
        const print = (line: string) => console.error(line);
        const folders = { packsFolder: newPacksFolder(), everyMs: everyMs() };
        const manifest = await pull(recipe, {
          hub,
          ...folders,
          isAccepted: acceptLicence ?? false,
          replace: replace ?? false,
          progress,
          print,
        });
        console.log(`${join(newPacksFolder(), manifest.name)} ${manifest.pipeline} ${Object.keys(manifest.files ?? {}).length} files`);
      } finally {
        progress.end();
        process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      }
    });
