/** `likeness compare`: whether pictures show the person of a reference. */
import { openStages } from '@likeness/pipeline';
import { Command } from 'commander';
import { convertedWeights, DEFAULT_PACK, packDirs } from '../cli.config.ts';
import { CliError } from '../failure.ts';
import { readPicture } from '../read-picture.ts';

interface CompareFlags {
  readonly image: string;
  readonly pack: string;
  readonly json?: true;
}

export const compareCommand = () =>
  new Command('compare')
    .description('say how much the faces of pictures look like that of a reference: −1 to 1, the cosine of their embeddings')
    .argument('<picture...>', 'files')
    .requiredOption('--image <file>', 'the reference picture')
    .option('--pack <name>', 'whose detector and recogniser look', DEFAULT_PACK)
    .option('--json', 'print a JSON array')
    .action(async (files: string[], { image, pack, json }: CompareFlags) => {
      const stages = await openStages(pack, { packDirs: packDirs(), weightsFolder: convertedWeights() });
      try {
        if (!stages.pack.manifest.trained)
          throw new CliError('measure_unavailable', `The pack ${pack} is not trained: its recogniser cannot tell faces apart.`);
        const reference = await readPicture(image);
        const rows = [];
        for (const path of files) rows.push({ path, identity_similarity: await stages.compareFaces(reference, await readPicture(path)) });
        if (json) console.log(JSON.stringify(rows));
        else
          for (const { path, identity_similarity: s } of rows) console.log(`${s === null ? 'no face' : s.toFixed(3).padStart(7)}  ${path}`);
      } finally {
        await stages.release();
      }
    });
