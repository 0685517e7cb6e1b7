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

  it('draws the last timesteps more often where that is asked for', () => {
    const timesteps = (noise: object) => [...(noiseBatch(Noise.parse(noise), 20_000, 1, new Random(1))['timestep'] as Float32Array)];
    const share = (drawn: number[], from: number, to: number) => drawn.filter((t) => t >= from && t < to).length / drawn.length;
    const later = timesteps({ timestep_bias_multiplier: 4, timestep_bias_portion: 0.2 });
    expect([Math.min(...later), Math.max(...later), later.every(Number.isInteger)]).toEqual([0, 999, true]);
    expect(share(later, 800, 1000)).toBeCloseTo(0.5, 1); // 4·0.2 of 4·0.2 + 0.8
    expect(share(later, 900, 1000)).toBeCloseTo(0.25, 1);
    expect(share(later, 0, 400)).toBeCloseTo(0.25, 1);
    expect(share(timesteps({}), 800, 1000)).toBeCloseTo(0.2, 1);
  });
});
