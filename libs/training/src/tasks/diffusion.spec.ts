import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { Noise, noiseBatch } from './diffusion.ts';

describe('the weight of a timestep', () => {
  const weights = (noise: object) => [...(noiseBatch(Noise.parse(noise), 2000, 1, new Random(1))['weight'] as Float32Array)];

  it('is 1 unless it is asked for', () => {
    expect(new Set(weights({ prediction_type: 'v_prediction', rescale_betas_zero_snr: true }))).toEqual(new Set([1]));
  });

  it('is at most that of the given signal-to-noise ratio', () => {
    const each = weights({ prediction_type: 'epsilon', snr_gamma: 5 });
    expect(Math.max(...each)).toBeCloseTo(1, 5); // where the ratio is below 5
    expect(Math.min(...each)).toBeCloseTo(5 / (0.99915 / 0.00085), 4); // of the first timestep
  });

  it('is refused where it would be 0 just where sampling begins', () => {
    expect(() => Noise.parse({ prediction_type: 'v_prediction', rescale_betas_zero_snr: true, snr_gamma: 5 })).toThrow(
      /"snr_gamma"[^]*without weight/,
    );
  });
});
