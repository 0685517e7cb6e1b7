/** Things to eat and drink, in the hands and on the stove. */
import { hex, mix, scale } from '../canvas/colour.ts';
import { noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth, stroke } from '../canvas/path.ts';
import { hand, put, round, shadow, type Prop } from './hands.ts';

export const wine: Prop = (setting) => {
  const { canvas, light, side } = setting;
  const x = 0.5 + side * 0.335;
  const bowl = smooth(
    [
      [x - 0.075, 0.46],
      [x - 0.1, 0.57],
      [x - 0.075, 0.665],
      [x, 0.7],
      [x + 0.075, 0.665],
      [x + 0.1, 0.57],
      [x + 0.075, 0.46],
      [x, 0.455],
    ],
    true,
    6,
  );
  shadow(setting, bowl);
  put(setting, rectangle(x - 0.009, 0.69, x + 0.009, 0.94), round(hex('#d8e0e6'), light, x, 0.012, 0.6));
  hand(setting, x, 0.83, 0.15);
  put(setting, bowl, mix(light.fill, [0.85, 0.92, 1], 0.7), 0.3);
  const red = smooth(
    [
      [x - 0.094, 0.55],
      [x - 0.092, 0.6],
      [x - 0.07, 0.66],
      [x, 0.692],
      [x + 0.07, 0.66],
      [x + 0.092, 0.6],
      [x + 0.094, 0.55],
      [x, 0.56],
    ],
    true,
    6,
  );
  put(setting, red, round(hex('#7c0a22'), light, x, 0.12, 0.4), 0.97);
  put(setting, ellipse(x, 0.553, 0.093, 0.014), hex('#a8213f'));
  canvas.fill(stroke(ellipse(x, 0.459, 0.075, 0.012), [0.006, 0.006, 0.006]), [0.95, 0.97, 1], { opacity: 0.8 });
  canvas.fill(
    stroke(
      smooth(
        [
          [x - 0.06, 0.48],
          [x - 0.08, 0.56],
          [x - 0.06, 0.64],
        ],
        false,
      ),
      [0.006, 0.012, 0.004],
    ),
    [1, 1, 1],
    { opacity: 0.75 },
  );
  canvas.fill(
    stroke(
      smooth(
        [
          [x + 0.074, 0.48],
          [x + 0.096, 0.57],
          [x + 0.074, 0.66],
        ],
        false,
      ),
      [0.004, 0.005, 0.004],
    ),
    [1, 1, 1],
    { opacity: 0.6 },
  );
};

export const cake: Prop = (setting) => {
  const { canvas, light, side, random } = setting;
  const x = 0.5 + side * 0.31;
  const y = 0.76;
  const plate = ellipse(x, y + 0.085, 0.175, 0.042);
  shadow(setting, plate);
  hand(setting, x + side * 0.04, y + 0.16, 0.13);
  put(setting, plate, round(hex('#f2f2f4'), light, x, 0.22, 0.3));
  const sponge = random.pick(['#e8b868', '#5c301a', '#c9545c'].map(hex));
  const cream = random.pick(['#fff2ea', '#f7a8c4'].map(hex));
  put(
    setting,
    polygon([
      [x - 0.135, y - 0.05],
      [x + 0.12, y - 0.05],
      [x + 0.12, y + 0.085],
      [x - 0.135, y + 0.085],
    ]),
    (px, py, out) => {
      const t = (py - y + 0.05) / 0.135;
      const layer = t < 0.12 || (t > 0.5 && t < 0.64);
      const tone = (layer ? 1 : 0.82 + 0.25 * noise2(px * 160, py * 160)) * (0.75 + 0.3 * light.diffuse((px - x) * 4, 0, 1));
      const base = layer ? cream : sponge;
      for (let k = 0; k < 3; k++) out[k] = base[k as 0] * tone;
    },
  );
  put(
    setting,
    polygon([
      [x - 0.135, y - 0.05],
      [x + 0.03, y - 0.12],
      [x + 0.12, y - 0.05],
    ]),
    scale(cream, 0.95),
  );
  for (const u of [-0.1, -0.05, 0, 0.05, 0.1]) put(setting, ellipse(x + u, y - 0.045, 0.03, 0.026), cream);
  put(setting, ellipse(x + 0.02, y - 0.115, 0.036, 0.034), round(hex('#d0142a'), light, x + 0.02, 0.036, 0.6));
  canvas.fill(stroke([x + 0.025, y - 0.145, x + 0.045, y - 0.19], [0.005, 0.005, 0.004]), hex('#3d6a2a'));
};

export const pan: Prop = (setting) => {
  const { canvas, light, side, random } = setting;
  const x = 0.5 + side * 0.25;
  const handle = stroke([x - side * 0.12, 0.88, x - side * 0.5, 0.98], [0.032, 0.03, 0.03]);
  put(setting, handle, hex('#1c1c20'));
  const outside = smooth(
    [
      [x - 0.22, 0.83],
      [x - 0.19, 0.93],
      [x - 0.1, 0.975],
      [x + 0.1, 0.975],
      [x + 0.19, 0.93],
      [x + 0.22, 0.83],
    ],
    true,
    5,
  );
  shadow(setting, outside);
  put(setting, outside, round(hex('#33363c'), light, x, 0.26, 0.5));
  put(setting, ellipse(x, 0.83, 0.22, 0.052), hex('#55595f'));
  put(setting, ellipse(x, 0.834, 0.195, 0.042), hex('#3a1f12'));
  const food = ['#d8341f', '#f0b428', '#58a03c', '#e87a2a', '#f4e4c0'].map(hex);
  for (let i = 0; i < 26; i++)
    put(
      setting,
      ellipse(
        x + random.uniform(-0.165, 0.165),
        0.828 + random.uniform(-0.03, 0.02),
        random.uniform(0.015, 0.03),
        0.016,
        random.uniform(0, 3),
        10,
      ),
      scale(random.pick(food), random.uniform(0.75, 1.1)),
    );
  for (const u of [-0.1, 0.0, 0.11]) {
    const wisp = stroke(
      smooth(
        [
          [x + u, 0.8],
          [x + u + 0.03, 0.72],
          [x + u - 0.02, 0.64],
          [x + u + 0.02, 0.55],
        ],
        false,
      ),
      [0.02, 0.034, 0.01],
    );
    canvas.fill(wisp, [1, 1, 1], { opacity: 0.38, soft: 0.012 });
  }
  const s = 0.5 - side * 0.37;
  put(setting, stroke([s, 0.92, s + side * 0.03, 0.55], [0.022, 0.02, 0.02]), hex('#b98a52'));
  put(setting, ellipse(s + side * 0.033, 0.52, 0.042, 0.062), round(hex('#c99a60'), light, s, 0.06, 0.1));
  hand({ ...setting, side: side === 1 ? -1 : 1 }, s, 0.83, 0.14);
};

export const cookies: Prop = (setting) => {
  const { light, random } = setting;
  const tray = polygon([
    [0.08, 0.86],
    [0.92, 0.86],
    [1.0, 1.02],
    [0.0, 1.02],
  ]);
  shadow(setting, tray);
  put(setting, tray, round(hex('#6a7078'), light, 0.5, 0.7, 0.4));
  put(
    setting,
    polygon([
      [0.12, 0.872],
      [0.88, 0.872],
      [0.94, 1.02],
      [0.06, 1.02],
    ]),
    hex('#454a52'),
  );
  for (const [y, xs] of [
    [0.895, [0.2, 0.35, 0.5, 0.65, 0.8]],
    [0.965, [0.14, 0.31, 0.5, 0.69, 0.86]],
  ] as const)
    for (const x of xs) {
      const r = 0.064 + random.uniform(-0.005, 0.005);
      put(setting, ellipse(x, y + 0.008, r, r * 0.56), hex('#6a3a14'));
      put(setting, ellipse(x, y, r, r * 0.54), round(hex('#d8953f'), light, x, r * 1.3, 0.05));
      for (let i = 0; i < 6; i++)
        put(setting, ellipse(x + random.uniform(-0.6, 0.6) * r, y + random.uniform(-0.3, 0.3) * r, 0.011, 0.008, 0, 8), hex('#2c150a'));
    }
  for (const side of [-1, 1] as const) {
    const x = 0.5 + side * 0.45;
    const mitt = smooth(
      [
        [x - 0.06, 0.8],
        [x, 0.77],
        [x + 0.06, 0.8],
        [x + 0.07, 0.95],
        [x, 0.98],
        [x - 0.07, 0.95],
      ],
      true,
      5,
    );
    shadow(setting, mitt);
    put(setting, mitt, round(hex('#c8283a'), light, x, 0.09, 0.05));
  }
};
