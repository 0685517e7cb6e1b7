/** A horse to ride and a dog to walk. */
import type { Shader } from '../canvas/canvas.ts';
import { hex, mix, scale, type Rgb } from '../canvas/colour.ts';
import { noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, smooth, stroke, transform, type Place } from '../canvas/path.ts';
import { hand, put, shadow, type Prop } from './hands.ts';

export const horse: Prop = (setting) => {
  const { canvas, light, side, random } = setting;
  const coat = random.pick(['#7a4322', '#4a2a18', '#a8693a', '#d8cdbb'].map(hex));
  const at = (points: readonly Place[]) => transform(smooth(points, true, 5), (u, v) => [0.5 + side * u, v]);
  const neck = at([
    [-0.02, 1.1],
    [0.0, 0.86],
    [0.12, 0.7],
    [0.22, 0.56],
    [0.34, 0.6],
    [0.42, 0.75],
    [0.46, 1.1],
  ]);
  const skull = at([
    [0.2, 0.57],
    [0.24, 0.47],
    [0.31, 0.46],
    [0.4, 0.56],
    [0.475, 0.7],
    [0.47, 0.79],
    [0.41, 0.8],
    [0.35, 0.74],
    [0.26, 0.68],
  ]);
  shadow(setting, neck);
  put(setting, neck, (x, y, out) => {
    const tone = 0.75 + 0.4 * light.diffuse((x - (0.5 + side * 0.2)) * 3, 0, 1) + 0.1 * noise2(x * 40, y * 20);
    for (let k = 0; k < 3; k++) out[k] = coat[k as 0] * tone;
  });
  put(setting, skull, (x, y, out) => {
    const tone = 0.85 + 0.45 * light.diffuse((x - (0.5 + side * 0.34)) * 5, (y - 0.64) * 4, 1);
    for (let k = 0; k < 3; k++) out[k] = coat[k as 0] * tone;
  });
  put(
    setting,
    at([
      [0.41, 0.66],
      [0.475, 0.7],
      [0.47, 0.79],
      [0.41, 0.8],
      [0.385, 0.74],
    ]),
    scale(mix(coat, [0.2, 0.16, 0.15], 0.7), 0.8),
  );
  for (const u of [0.24, 0.3])
    put(
      setting,
      at([
        [u - 0.025, 0.48],
        [u + 0.005, 0.38],
        [u + 0.03, 0.48],
      ]),
      scale(coat, 0.8),
    );
  put(
    setting,
    at([
      [0.29, 0.5],
      [0.33, 0.5],
      [0.42, 0.63],
      [0.4, 0.66],
    ]),
    [0.9, 0.88, 0.84],
    0.85,
  );
  put(setting, ellipse(0.5 + side * 0.295, 0.56, 0.017, 0.015), [0.01, 0.008, 0.006]);
  canvas.fill(ellipse(0.5 + side * 0.292, 0.556, 0.005), [1, 1, 1]);
  put(setting, ellipse(0.5 + side * 0.452, 0.73, 0.01, 0.014), [0.02, 0.012, 0.01]);
  const mane = scale(mix(coat, [0.03, 0.02, 0.015], 0.8), 0.9);
  for (let i = 0; i < 12; i++) {
    const t = i / 11;
    const [u, v] = [0.24 - 0.22 * t, 0.44 + 0.4 * t];
    put(
      setting,
      at([
        [u, v],
        [u + 0.05, v + 0.04],
        [u + 0.07, v + 0.15],
        [u + 0.015, v + 0.12],
        [u - 0.03, v + 0.05],
      ]),
      scale(mane, random.uniform(0.7, 1.6)),
    );
  }
  const strap = hex('#5b1c12');
  for (const line of [
    [
      [0.25, 0.66],
      [0.36, 0.53],
    ],
    [
      [0.36, 0.75],
      [0.44, 0.64],
    ],
    [
      [0.3, 0.62],
      [0.4, 0.72],
    ],
    [
      [0.38, 0.76],
      [0.2, 0.95],
      [0.0, 0.98],
    ],
  ] as Place[][])
    put(
      setting,
      stroke(
        transform(polygon(line), (u, v) => [0.5 + side * u, v]),
        [0.012, 0.012, 0.012],
      ),
      strap,
    );
};

export const dog: Prop = (setting) => {
  const { canvas, light, side, random } = setting;
  const fur = random.pick(['#b8743a', '#e2c79a', '#3a2a20', '#8a5a34'].map(hex));
  const x = 0.5 + side * 0.31;
  const y = 0.8;
  const furry =
    (colour: Rgb): Shader =>
    (px, py, out) => {
      const tone = 0.55 + 0.5 * light.diffuse((px - x) * 5, (py - y) * 4, 1) + 0.18 * noise2(px * 70, py * 40);
      for (let k = 0; k < 3; k++) out[k] = colour[k as 0] * tone * 1.25;
    };
  const at = (points: readonly Place[]) => transform(smooth(points, true, 5), (u, v) => [x + u, y + v]);
  const body = at([
    [-0.15, 0.3],
    [-0.14, 0.12],
    [0, 0.06],
    [0.14, 0.12],
    [0.15, 0.3],
  ]);
  shadow(setting, body);
  put(setting, body, furry(scale(fur, 0.85)));
  put(
    setting,
    at([
      [-0.1, -0.12],
      [0, -0.155],
      [0.1, -0.12],
      [0.135, 0.0],
      [0.1, 0.1],
      [0, 0.145],
      [-0.1, 0.1],
      [-0.135, 0.0],
    ]),
    furry(fur),
  );
  for (const s of [-1, 1])
    put(
      setting,
      at([
        [s * 0.07, -0.13],
        [s * 0.14, -0.14],
        [s * 0.185, -0.02],
        [s * 0.165, 0.08],
        [s * 0.12, 0.02],
      ]),
      furry(scale(fur, 0.5)),
    );
  put(
    setting,
    at([
      [-0.055, 0.0],
      [0, -0.02],
      [0.055, 0.0],
      [0.075, 0.08],
      [0, 0.12],
      [-0.075, 0.08],
    ]),
    furry(mix(fur, [1, 0.95, 0.86], 0.6)),
  );
  put(
    setting,
    at([
      [-0.026, 0.01],
      [0, 0.002],
      [0.026, 0.01],
      [0, 0.042],
    ]),
    [0.012, 0.01, 0.01],
  );
  put(
    setting,
    at([
      [-0.03, 0.08],
      [0.03, 0.08],
      [0.024, 0.15],
      [0, 0.165],
      [-0.024, 0.15],
    ]),
    hex('#e8607a'),
  );
  put(
    setting,
    stroke(
      transform(
        smooth(
          [
            [-0.055, 0.07],
            [0, 0.085],
            [0.055, 0.07],
          ],
          false,
        ),
        (u, v) => [x + u, y + v],
      ),
      [0.006, 0.008, 0.006],
    ),
    [0.03, 0.02, 0.02],
  );
  for (const s of [-1, 1]) {
    put(setting, ellipse(x + s * 0.058, y - 0.038, 0.018, 0.019), [0.012, 0.009, 0.008]);
    canvas.fill(ellipse(x + s * 0.058 - 0.005, y - 0.044, 0.006), [1, 1, 1]);
  }
  put(
    setting,
    stroke(
      transform(
        smooth(
          [
            [-0.11, 0.13],
            [0, 0.185],
            [0.11, 0.13],
          ],
          false,
        ),
        (u, v) => [x + u, y + v],
      ),
      [0.026, 0.028, 0.026],
    ),
    hex('#c8202a'),
  );
  const hold: Place = [0.5 - side * 0.27, 0.86];
  put(setting, stroke(smooth([[x - side * 0.05, y + 0.17], [0.5, 0.985], hold], false), [0.012, 0.012, 0.012]), hex('#b01c26'));
  hand({ ...setting, side: side === 1 ? -1 : 1 }, ...hold, 0.13);
};
