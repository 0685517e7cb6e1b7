/** `likeness models`: the packs of this machine. */
import { join } from 'node:path';
import {
  addPack,
  buildPack,
  isBuilt,
  loadPack,
  openPack,
  packFiles,
  packNames,
  readManifest,
  verifyFiles,
  type PackParts,
} from '@likeness/models';
import { openStages, verifyPack } from '@likeness/pipeline';
import { Command } from 'commander';
import { convertedWeights, newPacksFolder, packDirs } from '../cli.config.ts';
import { bytesText } from '../hub/progress.ts';
import { ProgressLine } from '../progress-line.ts';
import { bundleCommand } from './models-bundle.ts';
import { calibrateCommand } from './models-calibrate.ts';
import { pullCommand } from './models-pull.ts';

export const modelsCommand = () =>
  new Command('models')
    .description('the model packs of this machine')
    .addCommand(list())
    .addCommand(add())
    .addCommand(pullCommand())
    .addCommand(verify())
    .addCommand(build())
    .addCommand(bundleCommand())
    .addCommand(calibrateCommand());

const list = () =>
  new Command('list')
    .description('every pack: its state, size, whether it is trained, its licence')
    .option('--json', 'print one JSON array')
    .action(async ({ json }: { json?: true }) => {
      const packs = await Promise.all((await packNames(packDirs())).map(inspect));
      if (json) return console.log(JSON.stringify(packs));
      for (const p of packs) {
        console.log(
          [p.name, p.state, p.bytes === null ? '-' : bytesText(p.bytes), p.trained ? 'trained' : 'untrained', p.licence, p.title].join(
            '\t',
          ),
        );
        if (p.problem !== null) console.log(`\t${p.problem}`);
      }
    });

/** `incomplete`: a file is missing or not the one the pack was made with. `not built`: the first job will convert weights. */
async function inspect(name: string) {
  const { folder, manifest } = await readManifest(name, packDirs());
  const { version, pipeline, trained, title, licence } = manifest;
  const facts = { name, version, pipeline, trained, title, licence, folder };
  try {
    const pack = await openPack(folder, manifest);
    const bytes = (await packFiles(folder, manifest)).reduce((n, file) => n + file.bytes, 0);
    const built = await isBuilt(pack, { weightsFolder: convertedWeights() });
    return { ...facts, state: built ? 'ready' : 'not built', bytes, digest: pack.digest, problem: null };
  } catch (error) {
    return { ...facts, state: 'incomplete', bytes: null, digest: null, problem: (error as Error).message };
  }
}

interface AddFlags extends PackParts {
  readonly variant?: string;
  readonly title?: string;
  readonly licence?: string;
  readonly parserSize?: number;
  readonly detectorSize?: number;
  readonly untrained?: true;
  readonly replace?: true;
}

const add = () =>
  new Command('add')
    .description('make a pack of the files you have, where they lie; nothing is copied')
    .argument('<name>')
    .requiredOption('--base <path>', 'a diffusers folder of Stable Diffusion 1.5 or SDXL, or Stable Diffusion 1.5 as one file')
    .requiredOption('--image-encoder <dir>', 'a transformers folder of CLIP ViT-H/14')
    .requiredOption('--adapter <file>', 'ConsistentID-v1.bin, a safetensors file of the same, or a dump of its training')
    .requiredOption('--parser <file>', 'face_parsing.pth')
    .requiredOption('--detector <file>', 'SCRFD as ONNX, e.g. det_10g.onnx, or the tensors of one')
    .requiredOption('--recognizer <file>', 'ArcFace as ONNX, e.g. w600k_r50.onnx, or the tensors of an iresnet')
    .option('--variant <name>', 'take the files of this variant, e.g. fp16, where a folder has them')
    .option('--title <text>', 'what the pack is')
    .option('--licence <text>', 'under which licence its files are')
    .option('--parser-size <n>', 'side of its square input, in pixels', Number)
    .option('--detector-size <n>', 'side of its square input, a multiple of 32', Number)
    .option('--untrained', 'the weights did not come from training')
    .option('--replace', 'take the place of a pack of that name')
    .action(async (name: string, { replace, untrained, ...flags }: AddFlags) => {
      const progress = new ProgressLine(process.stderr);
      const manifest = await addPack(newPacksFolder(), { ...flags, name, trained: !untrained }, flags, {
        replace: replace ?? false,
        onFile: ({ name: file, bytes }) => progress.show(`${file} ${bytesText(bytes)}`),
      });
      progress.end();
      console.log(`${join(newPacksFolder(), name)} ${manifest.pipeline} ${Object.keys(manifest.files ?? {}).length} files`);
    });

const verify = () =>
  new Command('verify')
    .description('read every file of a pack, compare its hash, and build and load every network from it')
    .argument('<name>')
    .action(async (name: string) => {
      const pack = await loadPack(name, packDirs());
      for await (const { name: file, bytes } of verifyFiles(pack)) console.log(`ok ${file} ${bytesText(bytes)}`);
      for await (const { network, parameters, seconds } of verifyPack(pack, { weightsFolder: convertedWeights() })) {
        console.log(`ok ${network} ${parameters ?? '?'} parameters ${seconds.toFixed(2)} s`);
      }
      console.log(`${name} is whole: ${pack.digest}`);
    });

const build = () =>
  new Command('build')
    .description('convert, merge and optimise the networks of a pack now, so that no job has to wait for it')
    .argument('<name>')
    .action(async (name: string) => {
      const pack = await loadPack(name, packDirs());
      for (const stage of ['parse', 'embed', 'sample'] as const) {
        const begun = performance.now();
        const stages = await openStages(name, { packDirs: packDirs(), weightsFolder: convertedWeights() });
        await stages.warmUp(stage).finally(() => stages.release());
        console.log(`loaded what ${stage} needs ${((performance.now() - begun) / 1000).toFixed(2)} s`);
      }
      for await (const { network, files, seconds } of buildPack(pack, { weightsFolder: convertedWeights() })) {
        console.log(`built ${network} ${seconds.toFixed(2)} s${files.map((file) => `\n  ${file}`).join('')}`);
      }
      console.log(`${name} is built: ${pack.digest}`);
    });
