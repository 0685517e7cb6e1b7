/** Hair on the head and in the face: outlines from style, length, volume and hairline; strands and shine by the pixel. */
import type { Canvas, Shader } from '../canvas/canvas.ts';
import { clamp, scale, type Rgb } from '../canvas/colour.ts';
import { intersect, subtract, type Mask } from '../canvas/mask.ts';
import { noise2 } from '../canvas/noise.ts';
import { ellipse, smooth, transform, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import type { Colours } from './colours.ts';
import type { Head } from './head.ts';
import type { HairStyle, Identity } from './identity.ts';
import type { Illumination } from './light.ts';
import { mouthHeight, type Expression } from './relief.ts';

export interface HairSetting {
  readonly canvas: Canvas;
  readonly head: Head;
  readonly colours: Colours;
  readonly light: Illumination;
  /** A hat presses the hair down and hides the crown. */
  readonly covered: boolean;
}

/** How a style is cut: where its outside ends at the sides, and how much of `hairVolume` stands on the crown. */
interface Cut {
  /** v of the lowest place at the sides, short and long. */
  readonly down: readonly [number, number];
  readonly crown: number;
  readonly sides: number;
  /** How strongly the outline is broken by locks. */
  readonly rough: number;
}

const cuts: Record<HairStyle, Cut> = {
  bald: { down: [0, 0], crown: 0, sides: 0, rough: 0 },
  buzz: { down: [0.0, 0.1], crown: 0.12, sides: 0.04, rough: 0.2 },
  crop: { down: [0.05, 0.15], crown: 0.75, sides: 0.3, rough: 1 },
  'side-part': { down: [0.05, 0.15], crown: 0.85, sides: 0.35, rough: 0.4 },
  quiff: { down: [0.0, 0.1], crown: 1.5, sides: 0.2, rough: 0.8 },
  curls: { down: [0.15, 0.75], crown: 1.2, sides: 1.1, rough: 2.2 },
  afro: { down: [0.2, 0.45], crown: 1.9, sides: 1.9, rough: 1.4 },
  bob: { down: [0.55, 0.98], crown: 0.7, sides: 0.9, rough: 0.4 },
  long: { down: [1.25, 2.1], crown: 0.7, sides: 0.85, rough: 0.5 },
  bun: { down: [0.0, 0.1], crown: 0.45, sides: 0.2, rough: 0.2 },
  ponytail: { down: [0.0, 0.1], crown: 0.45, sides: 0.2, rough: 0.2 },
};

/** Styles whose hair hangs beside the face. */
const hangs = (style: HairStyle) => style === 'bob' || style === 'long' || style === 'curls' || style === 'afro';
const bottom = ({ hairStyle, hairLength }: Identity) =>
  cuts[hairStyle].down[0] + (cuts[hairStyle].down[1] - cuts[hairStyle].down[0]) * hairLength;

/** What hangs behind the neck and the shoulders. */
export function drawHairBehind(setting: HairSetting): void {
  const { canvas, head } = setting;
  const { hairStyle, hairLength, hairParting, faceWidth, hairVolume } = head.identity;
  const shader = strands(setting, 0.55);
  // What the face will cover needs no strands.
  const { x, y } = head.pose;
  const covered = canvas.mask(transform(head.outline(), (px, py) => [x + (px - x) * 0.9, y + (py - y) * 0.9]));
  const fill = (path: Path) => canvas.fill(subtract(canvas.mask(path), covered), shader, { label: labels.hair });
  if (hangs(hairStyle)) fill(transform(smooth(outside(setting, bottom(head.identity)), true, 5), head.beside(-0.25)));
  if (hairStyle === 'bun' && !setting.covered)
    fill(
      transform(ellipse(hairParting * 0.12, -1.1 - hairVolume * 0.5, 0.26 + 0.14 * hairLength, 0.22 + 0.1 * hairLength), head.beside(-0.3)),
    );
  if (hairStyle === 'ponytail') {
    const side = Math.sign(hairParting);
    const length = 0.8 + 0.9 * hairLength;
    const tail: Place[] = [
      [side * faceWidth * 0.6, -0.75],
      [side * (faceWidth + 0.32 + hairVolume), -0.45],
      [side * (faceWidth + 0.36 + hairVolume), 0.2],
      [side * (faceWidth + 0.12), length],
      [side * (faceWidth + 0.02), 0.3],
      [side * faceWidth * 0.9, -0.2],
    ];
    fill(transform(smooth(tail, true, 5), head.beside(-0.3)));
  }
}

/** Hair on the head, before the face. Returns its mask, for the shadow that it throws. */
export function drawHair(setting: HairSetting, face: Mask): Mask | undefined {
  const { canvas, head, covered } = setting;
  const { hairStyle } = head.identity;
  if (hairStyle === 'bald') return undefined;
  const outer = canvas.mask(transform(smooth(outside(setting, Math.max(0.1, bottom(head.identity))), true, 5), head.beside(0)));
  const bare = canvas.mask(transform(smooth(hairline(head.identity, covered), true, 5), head.onFace));
  // Below the ears only what hangs in front of the shoulders is hair; the face itself and the neck stay free.
  const hair = subtract(outer, bare);
  const shadow = intersect(canvas.soften(hair, 0.02, setting.light.side * -0.012, 0.018), face);
  canvas.multiply(shadow, [0.5, 0.42, 0.42], hairStyle === 'buzz' ? 0.25 : 0.6);
  if (hairStyle === 'buzz') canvas.fill(canvas.soften(hair, 0.008), strands(setting, 0.9), { opacity: 0.8 });
  else canvas.fill(hair, strands(setting, 1), { soft: 0.0015 });
  canvas.label(hair, labels.hair);
  return hair;
}

/** The outside of the hair, from one side over the crown to the other, down to v = `end`. */
function outside({ head, covered }: HairSetting, end: number): Place[] {
  const { identity } = head;
  const { hairStyle, hairVolume, hairCurl, hairParting } = identity;
  const cut = cuts[hairStyle];
  const crown = (covered ? 0.02 : 1) * cut.crown * hairVolume + 0.01;
  const sides = cut.sides * hairVolume + 0.015;
  const wide = identity.faceWidth;
  const lean = hairStyle === 'side-part' || hairStyle === 'quiff' ? hairParting * 0.18 : 0;
  const rough = cut.rough * (0.012 + 0.035 * hairCurl) * (hairVolume / 0.17);
  const points: Place[] = [];
  // Down the right side, by heights; over the top by angles.
  const arc = 24;
  for (let i = 0; i <= arc; i++) {
    const angle = (Math.PI * i) / arc;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const swell = sides + (crown - sides) * s * s;
    const u = -c * (wide + swell) + lean * s * s * 0.3;
    const v = -0.12 - s * (0.88 + crown) + lean * c * s * 0.3;
    const bump = rough * (noise2(c * 6 + 31 * hairVolume, s * 6 + 7 * hairCurl) + 0.25 * (i % 2 ? 1 : -1) * hairCurl);
    points.push([u * (1 + bump), v * (1 + bump)]);
  }
  const steps = Math.max(2, Math.round((end + 0.12) / 0.18));
  const wave = (v: number, side: number) => rough * 1.2 * Math.sin(v * (6 + 8 * hairCurl) + side * 1.3 + 9 * hairVolume);
  const flare = hairStyle === 'afro' ? 0 : 0.08 * hairLengthOf(identity);
  const down = (side: 1 | -1) =>
    Array.from({ length: steps }, (_, i): Place => {
      const t = (i + 1) / steps;
      const v = -0.12 + (end + 0.12) * t;
      const taper = hangs(hairStyle) ? (hairStyle === 'afro' ? -0.5 * t * t : flare * t - 0.12 * smoothEnd(t)) : -0.02 - 0.1 * t;
      return [side * (wide + sides + taper) + side * wave(v, side), v];
    });
  return [...points, ...down(1), [0.0, end + (hangs(hairStyle) ? 0.03 : -0.1)], ...down(-1).toReversed()];
}

const hairLengthOf = ({ hairLength, hairVolume }: Identity) => hairLength * (0.5 + 3 * hairVolume);
const smoothEnd = (t: number) => (t > 0.75 ? ((t - 0.75) / 0.25) ** 2 : 0);

/** The free part of the face: below the hairline and between the locks. */
function hairline(identity: Identity, covered: boolean): Place[] {
  const { hairStyle, faceWidth: w, hairline: receding, hairParting: part, hairVolume } = identity;
  const top = -0.5 - 0.2 * receding - (covered ? 0.1 : 0);
  const corner = top + 0.06 - 0.14 * receding;
  if (hangs(hairStyle)) {
    const cover = hairStyle === 'curls' || hairStyle === 'afro' ? 0.97 : 0.9 - 0.3 * Math.max(0, hairVolume - 0.1);
    const at = part * 0.3;
    return [
      [at, top - 0.06],
      [0.5 * w + at * 0.6, top + 0.1],
      [w * (cover - 0.06), -0.15],
      [w * (cover + 0.02), 0.3],
      [w * (cover + 0.0), 0.75],
      [w * 0.95, 1.15],
      [w * 0.72, 2.4],
      [-w * 0.72, 2.4],
      [-w * 0.95, 1.15],
      [-w * (cover + 0.0), 0.75],
      [-w * (cover + 0.02), 0.3],
      [-w * (cover - 0.06), -0.15],
      [-0.5 * w + at * 0.6, top + 0.1],
    ];
  }
  const sweep = hairStyle === 'side-part' ? part * 0.16 : hairStyle === 'crop' ? 0.02 : 0;
  const fringe = hairStyle === 'crop' ? 0.16 * identity.hairLength * (1 - receding) : hairStyle === 'side-part' ? 0.06 : 0;
  return [
    [0, top + fringe - 0.02],
    [0.34 * w, top + fringe * 0.9 + sweep * 0.6 - 0.02],
    [0.66 * w, corner + fringe * 0.5 + sweep],
    [0.84 * w, -0.36],
    [0.9 * w, -0.14],
    [1.02 * w, 0.02],
    [1.3 * w, 0.3],
    [1.1 * w, 1.6],
    [-1.1 * w, 1.6],
    [-1.3 * w, 0.3],
    [-1.02 * w, 0.02],
    [-0.9 * w, -0.14],
    [-0.84 * w, -0.36],
    [-0.66 * w, corner + fringe * 0.5 - sweep],
    [-0.34 * w, top + fringe * 0.9 - sweep * 0.6 - 0.02],
  ];
}

/** Strands run from the parting outward and down; curls break them up. `tone` darkens what lies behind. */
function strands({ head, colours, light }: HairSetting, tone: number): Shader {
  const place = new Float32Array(2);
  const { hairCurl: curl, hairStyle: style, hairParting, faceWidth, hairVolume } = head.identity;
  const from = style === 'quiff' ? 0 : hairParting * 0.3;
  const tight = style === 'afro' || style === 'curls';
  const lift = style === 'quiff' ? 0.9 : 1.12;
  const { hair } = colours;
  const lamp = (hair[0] + hair[1] + hair[2]) / 3;
  return (x, y, out) => {
    head.locate(x, y, place);
    const u = place[0]!;
    const v = place[1]!;
    const nx = u / (faceWidth + hairVolume);
    const ny = clamp(v + 0.1, -1.2, 0.35) * 0.85;
    const nz = Math.sqrt(Math.max(0.06, 1.1 - nx * nx - ny * ny));
    const run = Math.sqrt((u - from) * (u - from) + (v + lift) * (v + lift));
    let fibre: number;
    if (tight) {
      const f = style === 'afro' ? 15 : 8;
      fibre = noise2(u * f + 3, v * f) + 0.6 * noise2(u * f * 2.2, v * f * 2.2 + 9);
    } else {
      const angle = Math.atan2(u - from, v + lift) + curl * 0.09 * Math.sin(v * 9 + u * 3);
      fibre = 0.75 * noise2(angle * 11 + 40, run * 1.3) + 0.7 * noise2(angle * 34, run * 2 + 5) + 0.25 * noise2(angle * 80, run * 4);
    }
    const lit = light.diffuse(nx, ny, nz);
    const band = tight ? 0.12 : 0.38 * Math.exp(-(((run - 0.62) / 0.2) ** 2));
    const gloss = band * (0.4 + 0.6 * fibre) * lit * (0.1 + 0.7 * Math.sqrt(lamp));
    const value = tone * Math.max(0.12, 0.86 + 0.42 * fibre);
    for (let k = 0; k < 3; k++) {
      const rays = light.key[k as 0] * lit * 1.05 + light.fill[k as 0];
      out[k] = hair[k as 0] * value * rays + tone * Math.max(0, gloss) * light.key[k as 0] * (0.35 + hair[k as 0]) * 0.5;
    }
  };
}

/** Beard and moustache lie on the face: hair in the label map where it is thick, a shadow on the skin where it is stubble. */
export function drawFacialHair({ canvas, head, colours, light }: HairSetting, face: Mask, { mouthOpen, smile }: Expression): void {
  const { facialHair, facialHairDensity: density, lipWidth, noseWidth, noseLength, lipFullness, jawWidth, faceWidth } = head.identity;
  if (facialHair === 'none') return;
  const mouth = mouthHeight(head.identity);
  const colour: Rgb = scale(colours.hair, 0.8);
  const lip = mouth + lipFullness + 0.13 * mouthOpen + 0.03;
  const moustache: Place[] = [
    [0, noseLength + 0.1],
    [noseWidth * 1.1, noseLength + 0.1],
    [lipWidth * 1.15, mouth - 0.03 - 0.05 * smile],
    [lipWidth * 1.05, mouth + 0.03 - 0.05 * smile],
    [lipWidth * 0.4, mouth - 0.055],
    [0, mouth - 0.035],
  ];
  const mirrored = (points: readonly Place[]): Place[] => [
    ...points,
    ...points
      .slice(1, -1)
      .map(([u, v]): Place => [-u, v])
      .toReversed(),
  ];
  const shape = (points: readonly Place[]) => canvas.mask(transform(smooth(mirrored(points), true, 4), head.onFace));
  const around: Place[] = [
    [0, noseLength + 0.09],
    [noseWidth + 0.04, noseLength + 0.11],
    [lipWidth + 0.09, mouth - 0.02],
    [faceWidth * jawWidth * 0.72, mouth - 0.12],
    [faceWidth * 0.93, 0.03],
    [faceWidth * 1.01, 0.06],
    [faceWidth * (0.3 + 0.7 * jawWidth) + 0.02, 0.55],
    [faceWidth * jawWidth * 0.72 + 0.03, 0.88],
    [0.26, 1.06 + 0.16 * density],
    [0, 1.1 + 0.2 * density],
  ];
  const chin: Place[] = [
    [0, lip + 0.04],
    [lipWidth * 0.8, lip],
    [lipWidth * 1.05, 0.92],
    [0.14, 1.05 + 0.1 * density],
    [0, 1.08 + 0.12 * density],
  ];
  const lips = canvas.mask(transform(ellipse(0, (mouth + lip) / 2 - 0.03, lipWidth * 0.98, (lip - mouth) / 2 + 0.05), head.onFace));
  const paint = beardShader(head, colour, light);
  const lay = (mask: Mask, opacity: number, solid: boolean) => {
    const free = subtract(mask, lips);
    canvas.fill(canvas.soften(free, 0.004), paint, { opacity });
    if (solid) canvas.label(free, labels.hair);
  };
  if (facialHair === 'stubble') return lay(intersect(shape(around), face), 0.22 + 0.28 * density, false);
  if (facialHair === 'moustache' || facialHair === 'goatee') lay(shape(moustache), 0.75 + 0.25 * density, true);
  if (facialHair === 'goatee') lay(shape(chin), 0.75 + 0.25 * density, true);
  if (facialHair === 'beard') lay(shape(around), 0.72 + 0.28 * density, true);
}

function beardShader(head: Head, colour: Rgb, light: Illumination): Shader {
  const place = new Float32Array(2);
  return (x, y, out) => {
    head.locate(x, y, place);
    const u = place[0]!;
    const v = place[1]!;
    const fibre = 0.8 * noise2(u * 38 + v * 6, v * 9) + 0.4 * noise2(u * 70, v * 24);
    const lit = light.diffuse(u / 0.8, (v - 0.55) * 0.7, 0.8);
    const value = Math.max(0.15, 0.9 + 0.5 * fibre);
    for (let k = 0; k < 3; k++) out[k] = colour[k as 0] * value * (light.key[k as 0] * lit + light.fill[k as 0]);
  };
}
