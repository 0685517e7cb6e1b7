/** In what manner a portrait is made: the words of a caption around its subject, and what happens to the drawn picture. */
import type { Canvas } from '../canvas/canvas.ts';
import { clamp, hex, mix } from '../canvas/colour.ts';
import { fractal, noise2 } from '../canvas/noise.ts';
import { ellipse } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Random } from '../random.ts';
import * as brushes from './brushes.ts';
import { kuwahara, luminances, mapPixels, outlines, silhouette, skinTone } from './filters.ts';
import * as street from './street.ts';

export interface Style {
  readonly words: string;
  readonly apply: (canvas: Canvas, random: Random) => void;
  /** Film and its grain belong to the finished pixels, brushes to the larger drawing before it is reduced. */
  readonly finished?: true;
}

export const styles = {
  photo: { words: '{subject}', apply: photo, finished: true },
  banksy: { words: 'a painting of {subject} in the style of Banksy', apply: street.banksy },
  'van-gogh': { words: 'a painting of {subject} in the style of Vincent Van Gogh', apply: brushes.vanGogh },
  graffiti: { words: 'a colorful graffiti painting of {subject}', apply: street.graffiti },
  watercolor: { words: 'a watercolor painting of {subject}', apply: brushes.watercolor },
  'marble-sculpture': { words: 'a Greek marble sculpture of {subject}', apply: marble },
  'street-art-mural': { words: 'a street art mural of {subject}', apply: street.mural },
  'black-and-white': { words: 'a black and white photograph of {subject}', apply: blackAndWhite, finished: true },
  pointillism: { words: 'a pointillism painting of {subject}', apply: brushes.pointillism },
  woodblock: { words: 'a Japanese woodblock print of {subject}', apply: woodblock },
  stencil: { words: 'a street art stencil of {subject}', apply: street.stencil },
  'oil-painting': { words: 'an oil painting of {subject}', apply: brushes.oilPainting },
  'pencil-sketch': { words: 'a pencil sketch of {subject}', apply: brushes.pencilSketch },
} as const satisfies Record<string, Style>;
export type StyleName = keyof typeof styles;

/** Grain, a falling-off towards the corners, and a film's shoulder that keeps highlights. */
function photo(canvas: Canvas, random: Random): void {
  const fall = random.uniform(0.1, 0.5);
  const exposure = random.uniform(0.96, 1.12);
  mapPixels(canvas, (colour, _i, x, y) => {
    const tone = exposure * (1 - fall * ((x - 0.5) ** 2 + (y - 0.5) ** 2)) * (1 + random.uniform(-0.025, 0.025));
    for (let k = 0; k < 3; k++) {
      const c = colour[k]! * tone;
      colour[k] = c < 0.55 ? c : 0.55 + 0.45 * (1 - Math.exp(-(c - 0.55) / 0.45));
    }
  });
}

function blackAndWhite(canvas: Canvas, random: Random): void {
  photo(canvas, random);
  const grey = luminances(canvas);
  mapPixels(canvas, (colour, i) => {
    const t = Math.sqrt(clamp(grey[i]!));
    const curve = clamp(t + 0.16 * (t - 0.5) * (1 - Math.abs(2 * t - 1)) * 4);
    const tone = curve * curve * (1 + random.uniform(-0.035, 0.035));
    colour.fill(tone);
  });
}

/** Stone everywhere on the person, veined and lit as it was; behind it a museum's wall. */
function marble(canvas: Canvas, random: Random): void {
  const grey = luminances(canvas);
  const tone = skinTone(canvas, grey);
  const wall = random.pick(['#3a4656', '#5a4a40', '#46504a', '#6a6258'].map(hex));
  const seed = random.uniform(0, 90);
  const contour = outlines(canvas, 1, (label) => (label === labels.nose ? labels.skin : label));
  mapPixels(canvas, (colour, i, x, y) => {
    if (canvas.labels[i] === labels.background) {
      const glow = 0.7 + 0.8 * Math.exp(-4 * ((x - 0.3) ** 2 + (y - 0.3) ** 2));
      for (let k = 0; k < 3; k++) colour[k] = wall[k as 0] * glow;
      return;
    }
    const veins = Math.exp(-((fractal(x * 4 + seed, y * 4 + 0.6 * x) / 0.035) ** 2)) * 0.2;
    const lit = clamp((grey[i]! / tone) ** 1.7 * 0.58, 0, 1.1);
    const stone = (0.04 + 0.92 * lit) * (1 - veins) * (1 + 0.03 * noise2(x * 90, y * 90)) * (1 - 0.22 * contour[i]!);
    colour[0] = stone;
    colour[1] = stone * 0.975;
    colour[2] = stone * 0.93;
  });
}

/** Few flat inks, dark contours, paper, and a red sun. */
function woodblock(canvas: Canvas, random: Random): void {
  const { side } = canvas;
  kuwahara(canvas, Math.max(1, Math.round(side / 64)));
  const paper = hex('#ecdcb4');
  const indigo = random.pick(['#2a4a7c', '#2f6a6a', '#6a3a4a'].map(hex));
  const person = silhouette(canvas);
  const grey = luminances(canvas);
  const contour = outlines(canvas, Math.max(1, Math.round(side / 128)), (label) => (label === labels.nose ? labels.skin : label));
  const figure = { red: canvas.red.slice(), green: canvas.green.slice(), blue: canvas.blue.slice() };
  mapPixels(canvas, (colour, _i, _x, y) => {
    const sky = mix(indigo, paper, clamp(y * 2.6));
    for (let k = 0; k < 3; k++) colour[k] = sky[k as 0];
  });
  canvas.fill(ellipse(random.pick([0.17, 0.83]), random.uniform(0.2, 0.3), 0.15, 0.15, 0, 40), hex('#c8321e'));
  waves(canvas, indigo, paper);
  mapPixels(canvas, (colour, i, x, y) => {
    if (person[i]! > 0.5) {
      const level = Math.max(0.03, grey[i]!);
      const flat = (Math.round(Math.sqrt(level) * 4.5) / 4.5) ** 2;
      const own = [figure.red[i]!, figure.green[i]!, figure.blue[i]!] as const;
      for (let k = 0; k < 3; k++) colour[k] = clamp((own[k as 0] / level) * flat * 0.82 + 0.16 * paper[k as 0] * Math.sqrt(flat) + 0.01);
    }
    const grain = 1 + 0.07 * noise2(x * 16, y * 120);
    for (let k = 0; k < 3; k++) colour[k] = contour[i]! > 0 ? 0.02 + 0.02 * k : colour[k]! * grain;
  });
}

/** Seigaiha: rows of overlapping circles, as waves. */
function waves(canvas: Canvas, ink: readonly [number, number, number], paper: readonly [number, number, number]): void {
  for (let row = 0; row < 4; row++)
    for (let column = -1; column < 9; column++) {
      const [x, y] = [(column + (row % 2) / 2) * 0.15, 0.72 + row * 0.09];
      for (const [r, colour] of [
        [0.078, paper],
        [0.07, ink],
        [0.05, paper],
        [0.042, ink],
        [0.022, paper],
      ] as const)
        canvas.fill(ellipse(x, y, r, r, 0, 20), colour);
    }
}
