/** What people work, read, train and ride with. */
import type { Shader } from '../canvas/canvas.ts';
import { clamp, hex } from '../canvas/colour.ts';
import { noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth, stroke, type Place } from '../canvas/path.ts';
import { hand, put, round, shadow, type Prop } from './hands.ts';

export const microphone: Prop = (setting) => {
  const { light, side, canvas } = setting;
  const x = 0.5 + side * 0.2;
  put(
    setting,
    polygon([
      [0.04, 0.93],
      [0.96, 0.93],
      [0.99, 1.01],
      [0.01, 1.01],
    ]),
    round(hex('#7a4a26'), light, 0.5, 0.7, 0.1),
  );
  put(
    setting,
    stroke(
      smooth(
        [
          [x + side * 0.1, 0.96],
          [x + side * 0.07, 0.86],
          [x, 0.8],
        ],
        false,
      ),
      [0.016, 0.014, 0.014],
    ),
    hex('#26282c'),
  );
  put(setting, ellipse(x - side * 0.012, 0.785, 0.034, 0.044, side * 0.8), round(hex('#3c3f45'), light, x, 0.05, 0.6));
  canvas.fill(ellipse(x - side * 0.012, 0.785, 0.024, 0.034, side * 0.8), (px, py, out) => {
    const mesh = Math.sin(px * 420) * Math.sin(py * 420) > 0 ? 1.5 : 0.7;
    for (let k = 0; k < 3; k++) out[k]! *= mesh;
  });
  hand({ ...setting, side: side === 1 ? -1 : 1 }, 0.5 - side * 0.36, 0.72, 0.13);
  put(setting, stroke([0.5 - side * 0.36, 0.7, 0.5 - side * 0.3, 0.5], [0.016, 0.015, 0.012]), hex('#f4f2ea'));
};

export const book: Prop = (setting) => {
  const { canvas, light, random } = setting;
  const cover = random.pick(['#a01c24', '#1c4a8a', '#2a6a3c', '#6a2a78'].map(hex));
  const shell = polygon([
    [0.12, 0.79],
    [0.5, 0.845],
    [0.88, 0.79],
    [0.93, 1.02],
    [0.07, 1.02],
  ]);
  shadow(setting, shell);
  put(setting, shell, round(cover, light, 0.5, 0.7, 0.1));
  for (const side of [-1, 1]) {
    const page = smooth(
      [
        [0.5, 0.83],
        [0.5 + side * 0.12, 0.785],
        [0.5 + side * 0.34, 0.785],
        [0.5 + side * 0.385, 1.02],
        [0.5, 1.04],
      ],
      true,
      4,
    );
    put(setting, page, (x, y, out) => {
      const bend = 0.72 + 0.28 * clamp(Math.abs(x - 0.5) / 0.14);
      const text =
        y > 0.83 &&
        (y * 36) % 1 < 0.36 &&
        Math.abs(x - 0.5) > 0.06 &&
        Math.abs(x - 0.5) < 0.33 &&
        noise2(x * 90, Math.floor(y * 36) * 7) > -0.45;
      const tone = text ? 0.35 : 0.92;
      out[0] = tone * bend;
      out[1] = tone * bend * 0.97;
      out[2] = tone * bend * 0.88;
    });
    hand({ ...setting, side: side as 1 }, 0.5 + side * 0.39, 0.92, 0.12);
  }
  canvas.fill(stroke([0.5, 0.83, 0.5, 1.02], [0.006, 0.01, 0.01]), [0.3, 0.26, 0.2]);
};

export const gardening: Prop = (setting) => {
  const { light, side, random } = setting;
  const x = 0.5 + side * 0.3;
  const pot = polygon([
    [x - 0.12, 0.82],
    [x + 0.12, 0.82],
    [x + 0.09, 1.02],
    [x - 0.09, 1.02],
  ]);
  shadow(setting, pot);
  for (let i = 0; i < 12; i++) {
    const angle = -Math.PI / 2 + random.uniform(-1.1, 1.1);
    const reach = random.uniform(0.1, 0.24);
    const tip: Place = [x + Math.cos(angle) * reach, 0.82 + Math.sin(angle) * reach];
    put(setting, stroke([x, 0.83, ...tip], [0.01, 0.009, 0.006]), hex('#3a7a2c'));
    put(setting, ellipse((x + tip[0]) / 2, (0.82 + tip[1]) / 2, 0.034, 0.014, angle + 0.5), hex('#4f9a38'));
    if (i % 2) {
      const petal = random.pick(['#e8304a', '#f6c82a', '#f078b8', '#ffffff'].map(hex));
      for (let k = 0; k < 5; k++)
        put(setting, ellipse(tip[0] + 0.017 * Math.cos(k * 1.26), tip[1] + 0.017 * Math.sin(k * 1.26), 0.014, 0.014, 0, 10), petal);
      put(setting, ellipse(...tip, 0.011), hex('#7a4a12'));
    }
  }
  put(setting, pot, round(hex('#b8562c'), light, x, 0.15, 0.1));
  put(setting, rectangle(x - 0.13, 0.805, x + 0.13, 0.845), round(hex('#c9683a'), light, x, 0.16, 0.1));
  // A trowel in the other hand.
  const t = 0.5 - side * 0.33;
  put(
    setting,
    smooth(
      [
        [t - 0.045, 0.6],
        [t, 0.47],
        [t + 0.045, 0.6],
        [t + 0.03, 0.68],
        [t - 0.03, 0.68],
      ],
      true,
      4,
    ),
    round(hex('#aeb6be'), light, t, 0.06, 0.6),
  );
  put(setting, rectangle(t - 0.014, 0.67, t + 0.014, 0.86), round(hex('#c23a22'), light, t, 0.02, 0.3));
  hand({ ...setting, side: side === 1 ? -1 : 1 }, t, 0.83, 0.14, hex('#5a8a4a'));
};

export const barbell: Prop = (setting) => {
  const { light } = setting;
  const bar = rectangle(0.0, 0.868, 1, 0.896);
  shadow(setting, bar);
  put(setting, bar, (_x, y, out) => {
    const t = Math.sin(((y - 0.868) / 0.028) * Math.PI);
    for (let k = 0; k < 3; k++) out[k] = 0.12 + 0.7 * t * t;
  });
  for (const side of [-1, 1])
    for (const [u, tall, colour] of [
      [0.365, 0.13, '#c8202a'],
      [0.415, 0.16, '#1b1c20'],
      [0.465, 0.19, '#1f4fa8'],
    ] as const) {
      const x = 0.5 + side * u;
      const disc = smooth(
        [
          [x - 0.024, 0.882 - tall],
          [x + 0.024, 0.882 - tall],
          [x + 0.03, 0.882],
          [x + 0.024, 0.882 + tall],
          [x - 0.024, 0.882 + tall],
          [x - 0.03, 0.882],
        ],
        true,
        4,
      );
      shadow(setting, disc);
      put(setting, disc, round(hex(colour), light, x, 0.034, 0.4));
    }
  for (const side of [-1, 1] as const) hand({ ...setting, side }, 0.5 + side * 0.27, 0.885, 0.12);
};

/** A laptop seen from behind is no computer to the eye: a monitor beside the person shows its code. */
export const computer: Prop = (setting) => {
  const { canvas, light, side, random } = setting;
  const x = 0.5 + side * 0.36;
  const frame = polygon([
    [x - 0.19, 0.4],
    [x + 0.2, 0.37],
    [x + 0.2, 0.8],
    [x - 0.19, 0.775],
  ]);
  put(setting, rectangle(x - 0.03, 0.78, x + 0.03, 0.92), hex('#3a3d44'));
  put(setting, rectangle(0, 0.915, 1, 1), round(hex('#8a6a4c'), light, 0.5, 0.8, 0.05));
  put(setting, ellipse(x, 0.92, 0.12, 0.022), hex('#2d3036'));
  shadow(setting, frame);
  put(setting, frame, hex('#17181c'));
  put(
    setting,
    polygon([
      [x - 0.172, 0.42],
      [x + 0.182, 0.393],
      [x + 0.182, 0.775],
      [x - 0.172, 0.755],
    ]),
    hex('#0d1b2c'),
  );
  const inks = ['#63d08a', '#5cb8f0', '#f0a850', '#e878b0', '#d8dce4'].map(hex);
  for (let line = 0; line < 10; line++) {
    const y = 0.435 + line * 0.032;
    let u = x - 0.15 + 0.03 * random.integer(3);
    while (u < x + 0.13) {
      const w = random.uniform(0.025, 0.08);
      canvas.fill(rectangle(u, y, Math.min(x + 0.165, u + w), y + 0.014), random.pick(inks));
      u += w + 0.012;
      if (random.chance(0.3)) break;
    }
  }
  put(
    setting,
    polygon([
      [0.5 - side * 0.02 - 0.2, 0.925],
      [0.5 - side * 0.02 + 0.2, 0.925],
      [0.5 - side * 0.02 + 0.24, 0.99],
      [0.5 - side * 0.02 - 0.24, 0.99],
    ]),
    (px, py, out) => {
      const key = (px * 26) % 1 > 0.2 && (py * 48) % 1 > 0.25;
      for (let k = 0; k < 3; k++) out[k] = key ? 0.62 : 0.12;
    },
  );
  for (const s of [-1, 1] as const) hand({ ...setting, side: s }, 0.5 - side * 0.02 + s * 0.13, 0.95, 0.1);
};

export const motorcycle: Prop = (setting) => {
  const { canvas, light, random } = setting;
  const paintwork = random.pick(['#c01c24', '#1c4ab0', '#20242a', '#d87a14'].map(hex));
  const chrome: Shader = (_x, y, out) => {
    const t = 0.3 + 0.6 * Math.abs(Math.sin(y * 70));
    for (let k = 0; k < 3; k++) out[k] = t * (k === 2 ? 1.05 : 1);
  };
  for (const side of [-1, 1]) {
    put(
      setting,
      stroke(
        smooth(
          [
            [0.5 + side * 0.06, 0.93],
            [0.5 + side * 0.24, 0.85],
            [0.5 + side * 0.46, 0.87],
          ],
          false,
        ),
        [0.03, 0.028, 0.03],
      ),
      chrome,
    );
    put(setting, stroke([0.5 + side * 0.36, 0.862, 0.5 + side * 0.49, 0.872], [0.05, 0.052, 0.05]), hex('#141417'));
    put(setting, stroke([0.5 + side * 0.32, 0.86, 0.5 + side * 0.37, 0.74], [0.012, 0.012, 0.012]), hex('#3a3d44'));
    const mirror = ellipse(0.5 + side * 0.385, 0.71, 0.07, 0.05, side * -0.2);
    put(setting, mirror, hex('#101114'));
    canvas.fill(ellipse(0.5 + side * 0.385, 0.71, 0.056, 0.038, side * -0.2), (x, y, out) => {
      const t = clamp((y - 0.67) / 0.08);
      out[0] = 0.5 - 0.2 * t;
      out[1] = 0.68 - 0.25 * t;
      out[2] = 0.88 - 0.45 * t;
    });
    const fist = { ...setting, side: side as 1, skin: [0.02, 0.02, 0.022] as const };
    hand(fist, 0.5 + side * 0.37, 0.87, 0.1);
  }
  const tank = smooth(
    [
      [0.28, 1.05],
      [0.33, 0.94],
      [0.5, 0.9],
      [0.67, 0.94],
      [0.72, 1.05],
    ],
    true,
    5,
  );
  shadow(setting, tank);
  put(setting, tank, round(paintwork, light, 0.5, 0.26, 0.6));
  put(setting, ellipse(0.5, 0.965, 0.085, 0.055), chrome);
  put(setting, ellipse(0.5, 0.965, 0.066, 0.042), hex('#fff6d0'));
};
