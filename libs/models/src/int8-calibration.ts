/**
 * What a pack needs to run its UNet in 8-bit integers: the ranges of its convolutions, found by sampling with it in float32, and how far the
 * pictures of the two then lie apart. Kept beside the converted weights, by the pack's digest.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Pack } from './catalog.ts';
import { PackError } from './errors.ts';

const range = z.tuple([z.number(), z.number()]);

export const Int8Calibration = z.strictObject({
  /** By the key of the convolution's weight; the others stay float32. */
  ranges: z.record(z.string(), z.strictObject({ input: range, output: range })),
  fidelity: z.strictObject({
    steps: z.int(),
    width: z.int(),
    height: z.int(),
    /** ‖int8 − float32‖ / ‖float32‖ of the first prediction and of the last latents. */
    prediction_error: z.number(),
    latents_error: z.number(),
    /** Of the pictures, in decibels. */
    psnr: z.number(),
  }),
});
export type Int8Calibration = z.infer<typeof Int8Calibration>;

/** Below this the pictures differ visibly, and the mode is refused. Decibels. */
export const LEAST_PSNR = 30;

const pathOf = (weightsFolder: string, { digest }: Pack) => join(weightsFolder, `int8-${digest.slice(0, 32)}.json`);

export async function writeInt8Calibration(weightsFolder: string, pack: Pack, calibration: Int8Calibration): Promise<string> {
  const path = pathOf(weightsFolder, pack);
  await mkdir(weightsFolder, { recursive: true });
  await writeFile(`${path}.partial`, JSON.stringify(calibration));
  await rename(`${path}.partial`, path);
  return path;
}

/** @throws PackError when the pack has not been calibrated, or when 8 bits have been found not to be enough for it */
export async function readInt8Calibration(weightsFolder: string | undefined, pack: Pack): Promise<Int8Calibration> {
  const { name } = pack.manifest;
  if (weightsFolder === undefined) throw new PackError(`Pack ${name}: int8 needs a folder of converted weights.`, { pack: name });
  const file = pathOf(weightsFolder, pack);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const message = `Pack ${name} has not been calibrated for int8: run \`likeness models calibrate ${name} --image FILE\`.`;
    throw new PackError(message, { pack: name, file }, { cause });
  });
  const calibration = Int8Calibration.parse(JSON.parse(text));
  const { psnr } = calibration.fidelity;
  if (psnr >= LEAST_PSNR) return calibration;
  const message = `Pack ${name}: in int8 its pictures lie ${psnr.toFixed(1)} dB from those in float32, and ${LEAST_PSNR} dB are the least allowed.`;
  throw new PackError(message, { pack: name, file, psnr, least: LEAST_PSNR });
}
