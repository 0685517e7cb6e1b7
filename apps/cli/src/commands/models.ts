/** `likeness models`: which packs there are, and whether one is whole. */
import { join } from 'node:path';
import { listPacks, loadPack } from '@likeness/models';
import { verifyPack } from '@likeness/pipeline';
import { Command } from 'commander';
import { cacheFolder } from '../cli.config.ts';

export const modelsCommand = () =>
  new Command('models')
    .description('the installed model packs')
    .addCommand(
      new Command('list')
        .description('every pack with its version, pipeline and whether it is trained')
        .option('--json', 'print one JSON array')
        .action(async ({ json }: { json?: true }) => {
          const packs = (await listPacks()).map(({ manifest: m, digest }) => ({
            name: m.name,
            version: m.version,
            pipeline: m.pipeline,
            trained: m.trained,
            title: m.title,
            licence: m.licence,
            digest,
          }));
          if (json) console.log(JSON.stringify(packs));
          else for (const p of packs) console.log([p.name, p.version, p.pipeline, p.trained ? 'trained' : 'untrained', p.title].join('\t'));
        }),
    )
    .addCommand(
      new Command('verify')
        .description('read every file of a pack and build every network from it')
        .argument('<name>')
        .action(async (name: string) => {
          const pack = await loadPack(name);
          for await (const { network, parameters, seconds } of verifyPack(pack, { weightsFolder: join(cacheFolder(), 'weights') })) {
            console.log(`ok ${network} ${parameters ?? '?'} parameters ${seconds.toFixed(2)} s`);
          }
          console.log(`${name} is whole: ${pack.digest}`);
        }),
    );
