/** `likeness models calibrate`: whether a pack may run in 8-bit integers, and with which scales. */
import { readFile } from 'node:fs/promises';
import { LEAST_PSNR, loadPack, PackError } from '@likeness/models';
import { calibrateInt8, openStages, resolveOptions } from '@likeness/pipeline';
import { Command } from 'commander';
import { convertedWeights, packDirs } from '../cli.config.ts';
import { ProgressLine } from '../progress-line.ts';

interface CalibrateFlags {
  readonly image: string;
  readonly prompt: string;
  readonly steps?: string;
  readonly width?: string;
  readonly height?: string;
}

export const calibrateCommand = () =>
  new Command('calibrate')
    .description('sample once in float32 and once in int8, and keep the scales and how far the two pictures lie apart')
    .argument('<name>')
    .requiredOption('--image <file>', 'a reference picture')
    .option('--prompt <text>', 'what to sample', 'cinematic photo of a person in a forest, 50mm photograph, half-length portrait')
    .option('--steps <n>', 'default: those of the pack')
    .option('--width <w>', 'pixels; the scales serve every size')
    .option('--height <h>', 'pixels')
    .action(async (name: string, { image, prompt, steps, width, height }: CalibrateFlags) => {
      const pack = await loadPack(name, packDirs());
      const { manifest } = pack;
      if (manifest.pipeline === 'noop') throw new PackError(`Pack ${name} has no models.`, { pack: name });
      const given = { steps: numberOf(steps), width: numberOf(width), height: numberOf(height) };
      const options = resolveOptions(pack, { prompt, seed: 1, ...given });
      const weightsFolder = convertedWeights();
      const progress = new ProgressLine(process.stderr);
      const identity = await identityOf(name, image);
      const { path, calibration } = await calibrateInt8({ ...pack, manifest }, { ...options, identity }, { weightsFolder }, (done, total) =>
        progress.show(`sample ${done}/${total}`),
      );
      progress.end();
      const { prediction_error: first, latents_error: last, psnr } = calibration.fidelity;
      console.log(path);
      console.log(`first prediction ${percent(first)} off, last latents ${percent(last)} off, pictures ${psnr.toFixed(1)} dB apart`);
      console.log(psnr >= LEAST_PSNR ? `${name} may run in int8` : `${name} stays in float32: ${LEAST_PSNR} dB are the least allowed`);
    });

async function identityOf(name: string, image: string): Promise<Uint8Array> {
  const stages = await openStages(name, { packDirs: packDirs(), weightsFolder: convertedWeights() });
  try {
    const reference = await readFile(image);
    const { facialRegions } = resolveOptions(stages.pack, { prompt: '-', seed: 1 });
    const { face, regions } = await stages.parseFace({ reference, facialRegions });
    return (await stages.embedIdentity({ reference, face, regions })).identity;
  } finally {
    await stages.release();
  }
}

const numberOf = (flag: string | undefined) => (flag === undefined ? undefined : Number(flag));
const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
