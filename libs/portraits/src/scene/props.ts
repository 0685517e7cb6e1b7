/** Things in the hands and before the person. */
import type { Canvas, Shader } from '../canvas/canvas.ts';
import { clamp, hex, mix, scale, type Rgb } from '../canvas/colour.ts';
import { noise2 } from '../canvas/noise.ts';
import { ellipse, polygon, rectangle, smooth, stroke, transform, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Illumination } from '../person/light.ts';
import type { Random } from '../random.ts';

export interface PropSetting {
  readonly canvas: Canvas;
  readonly skin: Rgb;
  readonly light: Illumination;
  readonly random: Random;
  /** −1 in the picture's left, 1 in its right. */
  readonly side: -1 | 1;
}
export type Prop = (setting: PropSetting) => void;

/** Rounded shading of something whose middle is at x: lit from the light's side. */
const round =
  (colour: Rgb, light: Illumination, x: number, radius: number, gloss = 0.25): Shader =>
  (px, _py, out) => {
    const nx = clamp((px - x) / radius, -0.98, 0.98);
    const nz = Math.sqrt(1 - nx * nx);
    const lit = light.diffuse(nx, -0.25, nz);
    const shine = gloss * light.highlight(nx, -0.1, nz, 30);
    for (let k = 0; k < 3; k++) out[k] = colour[k as 0] * (light.key[k as 0] * lit + light.fill[k as 0]) + shine;
  };

function put({ canvas }: PropSetting, path: Path, paint: Shader | Rgb, opacity = 1): void {
  const mask = canvas.mask(path);
  canvas.fill(mask, paint, { opacity, label: labels.background });
}

/** A thing throws a soft shadow on what is behind it. */
function shadow({ canvas }: PropSetting, path: Path): void {
  canvas.multiply(canvas.soften(canvas.mask(path), 0.014, 0.006, 0.01), [0.45, 0.43, 0.45], 0.55);
}

/** Fingers around something at (x, y); `size` is the height of the fist. */
function hand(setting: PropSetting, x: number, y: number, size: number, sleeve?: Rgb): void {
  const { skin, light, side } = setting;
  const arm: Place[] = [
    [x + side * size * 0.2, y],
    [x + side * size * 0.75, y + size * 0.5],
    [x + side * size * 1.1, 1.1],
    [x + side * size * 0.05, 1.1],
    [x - side * size * 0.2, y + size * 0.5],
  ];
  put(setting, smooth(arm, true, 4), round(sleeve ?? skin, light, x + side * size * 0.4, size * 0.7, 0));
  for (let i = 0; i < 4; i++) {
    const fy = y - size * 0.36 + i * size * 0.25;
    const finger = ellipse(x, fy, size * 0.42, size * 0.15, 0.08 * side, 18);
    shadow(setting, finger);
    put(setting, finger, round(scale(skin, 1 - 0.05 * i), light, x, size * 0.5, 0.05));
  }
  put(
    setting,
    ellipse(x + side * size * 0.32, y - size * 0.25, size * 0.17, size * 0.36, side * 0.5, 16),
    round(skin, light, x + side * size * 0.3, size * 0.3, 0.05),
  );
}

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
