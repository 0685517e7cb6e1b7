/**
 * How a pack's UNet runs in 8-bit integers: one sampling in float32 that notes what every convolution sees and gives, then the same sampling
 * in int8, and how far the two lie apart.
 */
import { floats, type Session } from '@likeness/inference';
import { writeInt8Calibration, type ConsistentIdPack, type Int8Calibration } from '@likeness/models';
import { readIdentity } from '../embedding/identity.ts';
import { ModelSet, predictWith, type DiffusionModels, type ModelSetOptions } from '../model-set.ts';
import type { GenerationOptions } from '../options.ts';
import { createNoise } from '../random/index.ts';
import type { FloatTensor } from '../safetensors.ts';
import { createScheduler } from '../schedulers/index.ts';
import { encodePrompt } from './encode-prompt.ts';
import { decodeLatents, denoise, startRun } from './sample-portrait.ts';

export interface CalibrationInput extends GenerationOptions {
  /** As `embedIdentity` left it. */
  readonly identity: Uint8Array;
}

/** Edges stay float32: the first and the last convolution have four channels on one side and cost nothing. */
const KEPT = new Set(['conv_in.weight', 'conv_out.weight']);

export async function calibrateInt8(
  pack: ConsistentIdPack,
  input: CalibrationInput,
  { weightsFolder, threads }: { readonly weightsFolder: string; readonly threads?: number | undefined },
  onStep: (done: number, total: number) => void = () => {},
): Promise<{ readonly path: string; readonly calibration: Int8Calibration }> {
  const options: ModelSetOptions = { weightsFolder, threads };
  const exact = new ModelSet(pack, options);
  try {
    const { rows } = await encodePrompt(exact, {
      ...input,
      negativePrompt: input.negativePrompt || null,
      identity: readIdentity(input.identity),
    });
    const scheduler = createScheduler(input.scheduler, await exact.schedulerConfig());
    const { factor, channels } = await exact.latents();
    const shape = [1, channels, input.height / factor, input.width / factor];
    let done = 0;
    const sample = async (models: Pick<DiffusionModels, 'unet'>) => {
      const schedule = scheduler.schedule(input.steps);
      const run = startRun(schedule, createNoise('cpu', input.seed), shape);
      const states = [run.latents];
      for await (const latents of denoise(models, { ...input, rows, ...run })) {
        states.push(latents);
        onStep(++done, 2 * schedule.timesteps.length);
      }
      const [start, first] = states as [FloatTensor, FloatTensor];
      return { move: first.data.map((x, i) => x - start.data[i]!), last: states.at(-1)! };
    };

    const { session, keys } = await exact.observedDenoiser(shape[2]!, shape[3]!);
    const noted: number[][] = keys.map(() => [Infinity, -Infinity, Infinity, -Infinity]);
    const inFloats = await sample({ unet: async () => predictWith(noting(session, noted), factor) });
    await session.release();
    const ranges = rangesOf(keys, noted);

    const fast = new ModelSet(pack, { ...options, ranges });
    const inIntegers = await sample(fast);
    await fast.release();
    const [picture, other] = [await decodeLatents(exact, inFloats.last), await decodeLatents(exact, inIntegers.last)];
    const { steps, width, height } = input;
    const fidelity = {
      steps,
      width,
      height,
      prediction_error: relativeError(inFloats.move, inIntegers.move),
      latents_error: relativeError(inFloats.last.data, inIntegers.last.data),
      psnr: psnr(picture.data, other.data),
    };
    const calibration = { ranges, fidelity };
    return { calibration, path: await writeInt8Calibration(weightsFolder, pack, calibration) };
  } finally {
    await exact.release();
  }
}

/** The session, with the ranges it gives widened into `noted`. */
const noting = (session: Session, noted: number[][]): Session => ({
  ...session,
  async run(feeds) {
    const outputs = await session.run(feeds);
    const seen = floats(outputs['ranges']!, 'ranges'); // [n, 4]: least and greatest input, least and greatest output
    for (const [i, range] of noted.entries()) {
      for (let k = 0; k < 4; k++) range[k] = (k % 2 === 0 ? Math.min : Math.max)(range[k]!, seen[4 * i + k]!);
    }
    return outputs;
  },
});

function rangesOf(keys: readonly string[], noted: readonly number[][]): Int8Calibration['ranges'] {
  const entries = keys.map((key, i): [string, Int8Calibration['ranges'][string]] => {
    const [low, high, least, greatest] = noted[i] as [number, number, number, number];
    return [key, { input: [low, high], output: [least, greatest] }];
  });
  return Object.fromEntries(entries.filter(([key]) => !KEPT.has(key)));
}

/** ‖b − a‖ / ‖a‖ */
function relativeError(a: Float32Array, b: Float32Array): number {
  const length = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  return length(b.map((x, i) => x - a[i]!)) / length(a);
}

/** Of values in 0 … 1, in decibels. */
function psnr(a: Float32Array, b: Float32Array): number {
  const error = a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / a.length;
  return Math.min(-10 * Math.log10(error), 100);
}
