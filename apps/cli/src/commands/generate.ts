/** `likeness generate`: the whole pipeline in this process. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { devices, type Device } from '@likeness/inference';
import { generatePortraits, openStages, precisions, type GenerationOptions, type Precision, type StageName } from '@likeness/pipeline';
import { Command, Option } from 'commander';
import { convertedWeights, DEFAULT_PACK, packDirs } from '../cli.config.ts';
import { ProgressLine } from '../progress-line.ts';
import { readPicture } from '../read-picture.ts';
import { withGenerationFlags, type GenerationFlags } from './generation-flags.ts';

interface GenerateFlags extends GenerationFlags {
  readonly out: string;
  readonly precision: Precision;
  readonly device: Device;
  readonly json?: true;
}

export const generateCommand = () =>
  withGenerationFlags(new Command('generate'))
    .description('make portraits on this machine, without any server')
    .requiredOption('--out <dir>', 'folder for the pictures and result.json')
    .addOption(
      new Option('--precision <name>', 'int8: half the time, for a pack that `likeness models calibrate` found fit')
        .choices(precisions)
        .default('float32'),
    )
    .addOption(
      new Option('--device <name>', 'where models run; auto: the first of cuda, webgpu and cpu that works here')
        .choices(devices)
        .default('cpu'),
    )
    .option('--json', 'print the result as one JSON object')
    .action(async (flags: GenerateFlags) => {
      const result = await generate(flags);
      if (flags.json) console.log(JSON.stringify(result));
      else for (const { path } of result.images) console.log(path);
    });

async function generate(flags: GenerateFlags) {
  const reference = await readPicture(flags.image);
  const stages = await openStages(flags.pack ?? DEFAULT_PACK, {
    packDirs: packDirs(),
    weightsFolder: convertedWeights(),
    precision: flags.precision,
    device: flags.device,
  });
  try {
    const clock = new StageClock();
    const progress = new ProgressLine(process.stderr);
    const { options, parsed, embedded, images } = await generatePortraits(
      stages,
      reference,
      { ...flags, negativePrompt: flags.negative, guidanceScale: flags.guidance, facialRegions: flags.regions },
      {
        onStage: (stage) => {
          clock.enter(stage);
          progress.show(stage);
        },
        onStep: (step, total) => progress.show(`sample ${step}/${total}`),
      },
    );
    clock.stop();
    progress.end();

    const similarity = await Promise.all(images.map(({ bytes }) => stages.identitySimilarity(embedded.identity, bytes)));
    await mkdir(flags.out, { recursive: true });
    const files = await Promise.all(
      images.map(async ({ bytes, contentType, width, height, seed, sha256 }, index) => {
        const path = join(flags.out, `image-${index}.${options.format}`);
        await writeFile(path, bytes);
        return {
          path,
          index,
          seed,
          width,
          height,
          content_type: contentType,
          size: bytes.length,
          sha256,
          identity_similarity: similarity[index] ?? null,
        };
      }),
    );
    const { manifest, digest } = stages.pack;
    const result = {
      request: { image: flags.image, ...requestOf(options) },
      seed: options.seed,
      precision: flags.precision,
      device: flags.device,
      pack: { name: manifest.name, version: manifest.version, digest, trained: manifest.trained },
      images: files,
      identity_similarity: files.every(({ identity_similarity: s }) => s === null) ? null : files.map(({ identity_similarity: s }) => s),
      detection: parsed.detection,
      regions: parsed.regions.map(({ name }) => name),
      warnings: parsed.warnings,
      timings_ms: clock.milliseconds,
    };
    await writeFile(join(flags.out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await stages.release();
  }
}

/** In the names of the API. */
const requestOf = (options: GenerationOptions) => ({
  prompt: options.prompt,
  negative_prompt: options.negativePrompt,
  num_images: options.numImages,
  width: options.width,
  height: options.height,
  steps: options.steps,
  scheduler: options.scheduler,
  guidance_scale: options.guidanceScale,
  merge_step: options.mergeStep,
  identity_scale: options.identityScale,
  seed: options.seed,
  facial_regions: options.facialRegions,
  noise_device: options.noiseDevice,
  corrections: options.corrections,
  format: options.format,
});

/** How long each stage took, loading its models included. */
class StageClock {
  readonly milliseconds: Partial<Record<StageName | 'total', number>> = {};
  readonly #begun = performance.now();
  #current: { readonly stage: StageName; readonly since: number } | undefined;

  enter(stage: StageName): void {
    this.#leave();
    this.#current = { stage, since: performance.now() };
  }

  stop(): void {
    this.#leave();
    this.milliseconds.total = Math.round(performance.now() - this.#begun);
  }

  #leave(): void {
    if (this.#current) this.milliseconds[this.#current.stage] = Math.round(performance.now() - this.#current.since);
    this.#current = undefined;
  }
}
