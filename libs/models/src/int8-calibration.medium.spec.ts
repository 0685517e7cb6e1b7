import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadPack, type Pack } from './catalog.ts';
import { readInt8Calibration, writeInt8Calibration } from './int8-calibration.ts';

let folder: string;
let pack: Pack;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'int8-'));
  pack = await loadPack('sketch');
});
afterEach(() => rmSync(folder, { recursive: true }));

const calibration = (psnr: number) => ({
  ranges: { 'conv.weight': { input: [-1, 2] as [number, number], output: [-3, 4] as [number, number] } },
  fidelity: { steps: 4, width: 256, height: 256, prediction_error: 0.01, latents_error: 0.02, psnr },
});

it('is kept by the digest of its pack', async () => {
  await writeInt8Calibration(folder, pack, calibration(35));
  expect(await readInt8Calibration(folder, pack)).toEqual(calibration(35));
  await expect(readInt8Calibration(folder, { ...pack, digest: 'f'.repeat(64) })).rejects.toMatchObject({ code: 'model_unavailable' });
});

it('refuses a pack that has none, with the command that makes one', async () => {
  await expect(readInt8Calibration(folder, pack)).rejects.toThrow(/has not been calibrated.*models calibrate sketch/);
});

it('refuses a pack whose pictures differ too much, with the figure', async () => {
  await writeInt8Calibration(folder, pack, calibration(29.94));
  await expect(readInt8Calibration(folder, pack)).rejects.toMatchObject({ code: 'model_unavailable', detail: { psnr: 29.94, least: 30 } });
});
