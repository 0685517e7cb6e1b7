/** The face: skin, eyes, brows, nose and mouth, painted as they are, then lit together as one surface. */
import type { Canvas, Shader } from '../canvas/canvas.ts';
import { clamp, mix, scale, times, type Rgb } from '../canvas/colour.ts';
import { intersect, type Mask } from '../canvas/mask.ts';
import { noise2 } from '../canvas/noise.ts';
import { ellipse, smooth, stroke, transform, type Path, type Place } from '../canvas/path.ts';
import { labels } from '../labels.ts';
import { Random } from '../random.ts';
import type { Colours } from './colours.ts';
import type { Head } from './head.ts';
import { isWoman } from './identity.ts';
import type { Illumination } from './light.ts';
import { mouthHeight, Relief, type Expression } from './relief.ts';

export interface FaceSetting {
  readonly canvas: Canvas;
  readonly head: Head;
  readonly colours: Colours;
  readonly expression: Expression;
  /** Where the eyes look: −1…1 to the right and down. */
  readonly gaze: Place;
  readonly light: Illumination;
  /** Of stone: no colour in the eyes. */
  readonly blank?: boolean;
}

/** Everything between the outline and the hair. Returns the mask of the face. */
export function drawFace(setting: FaceSetting): Mask {
  const { canvas, head, colours, light } = setting;
  const skin = canvas.mask(head.outline());
  const surface = new Surface(new Relief(head.identity, setting.expression), skin, canvas.side);
  canvas.fill(skin, skinShader(setting, surface), { label: labels.skin });
  labelNose(setting);
  drawBlemishes(setting, skin);
  for (const side of [-1, 1] as const) drawBrow(setting, side);
  drawMouth(setting);
  drawNostrils(setting);
  for (const side of [-1, 1] as const) drawEye(setting, side);
  canvas.fill(skin, lightShader(head, surface, light, colours.skin));
  for (const side of [-1, 1] as const) drawCatchlight(setting, side);
  return skin;
}

/** The relief under every pixel of the face, looked up once for the skin and its light. */
class Surface {
  readonly relief: Relief;
  private readonly mask: Mask;
  private readonly side: number;
  /** Slopes and occlusion, three numbers a pixel. */
  readonly samples: Float32Array;

  constructor(relief: Relief, mask: Mask, side: number) {
    this.relief = relief;
    this.mask = mask;
    this.side = side;
    this.samples = new Float32Array(mask.alpha.length * 3);
  }

  /** Where the samples of a pixel begin. */
  at(x: number, y: number): number {
    const { mask, side } = this;
    return 3 * ((Math.floor(y * side) - mask.y) * mask.width + Math.floor(x * side) - mask.x);
  }
}

function skinShader({ head, colours, blank }: FaceSetting, surface: Surface): Shader {
  const place = new Float32Array(2);
  const sample = new Float32Array(4);
  const { relief, samples } = surface;
  const { skin, flush } = colours;
  const grain = blank ? 0.02 : 0.05;
  return (x, y, out) => {
    head.locate(x, y, place);
    relief.sample(place[0]!, place[1]!, sample);
    const at = surface.at(x, y);
    for (let k = 0; k < 3; k++) samples[at + k] = sample[k]!; // a call of `set` costs more than three numbers
    const t = clamp(sample[3]! + 0.1 * noise2(place[0]! * 9, place[1]! * 9));
    const pores = 1 + grain * noise2(place[0]! * 40, place[1]! * 40);
    out[0] = (skin[0] + (flush[0] - skin[0]) * t) * pores;
    out[1] = (skin[1] + (flush[1] - skin[1]) * t) * pores;
    out[2] = (skin[2] + (flush[2] - skin[2]) * t) * pores;
  };
}

/** Multiplies what was painted with the light on the relief, and adds the shine of the skin. */
function lightShader(head: Head, surface: Surface, light: Illumination, skin: Rgb): Shader {
  const { samples } = surface;
  const [cosYaw, sinYaw] = [Math.cos(head.pose.yaw), Math.sin(head.pose.yaw)];
  const [cosPitch, sinPitch] = [Math.cos(head.pose.pitch), Math.sin(head.pose.pitch)];
  const shine = 0.07 + 0.05 * (1 - skin[1]);
  return (x, y, out) => {
    const at = surface.at(x, y);
    const u = -samples[at]!;
    const v = -samples[at + 1]!;
    const nx = u * cosYaw + sinYaw;
    const z = cosYaw - u * sinYaw;
    const ny = v * cosPitch + z * sinPitch;
    const nz = Math.max(0.05, z * cosPitch - v * sinPitch);
    const open = 1 - Math.min(0.75, samples[at + 2]!);
    light.shade(nx, ny, nz, open, out);
    const cosine = light.halfway(nx, ny, nz);
    if (cosine <= 0.5) return;
    const gloss = (shine * cosine ** 18 + 0.25 * shine * cosine ** 5) * open;
    out[0]! += gloss * light.key[0];
    out[1]! += gloss * light.key[1];
    out[2]! += gloss * light.key[2];
  };
}

const onFace = (head: Head, points: readonly Place[], closed = true, steps = 6): Path =>
  transform(smooth(points, closed, steps), head.onFace);

function labelNose({ canvas, head }: FaceSetting): void {
  const { noseLength: n, noseWidth: w } = head.identity;
  const right: Place[] = [
    [0.05, -0.06],
    [0.06 + w * 0.15, n * 0.45],
    [w * 1.02, n - 0.07],
    [w * 1.05, n + 0.02],
    [w * 0.5, n + 0.07],
  ];
  const points: Place[] = [...right, [0, n + 0.085], ...right.map(([u, v]): Place => [-u, v]).toReversed()];
  canvas.label(canvas.mask(onFace(head, points, true, 3)), labels.nose);
}

function drawNostrils({ canvas, head, colours }: FaceSetting): void {
  const { noseLength: n, noseWidth: w } = head.identity;
  const dark = times(scale(colours.skin, 0.24), [1, 0.7, 0.7]);
  for (const side of [-1, 1]) {
    canvas.fill(transform(ellipse(side * w * 0.46, n + 0.045, w * 0.24, 0.026, side * 0.35), head.onFace), dark, {
      opacity: 0.85,
      soft: 0.003,
    });
    const wing: Place[] = [
      [side * w * 0.82, n - 0.09],
      [side * w * 1.06, n - 0.01],
      [side * w * 0.86, n + 0.05],
    ];
    canvas.fill(stroke(onFace(head, wing, false), [0.001, 0.008, 0.002]), scale(colours.skin, 0.42), { opacity: 0.55, soft: 0.003 });
  }
  const base: Place[] = [
    [-w * 0.8, n + 0.05],
    [0, n + 0.095],
    [w * 0.8, n + 0.05],
  ];
  canvas.fill(stroke(onFace(head, base, false), [0.002, 0.008, 0.002]), scale(colours.skin, 0.4), { opacity: 0.4, soft: 0.004 });
}

/** Freckles and a mole: where they are belongs to the person, so their seed is made of the person's traits. */
function drawBlemishes({ canvas, head, colours }: FaceSetting, skin: Mask): void {
  const { freckles, mole, faceWidth, eyeSpacing } = head.identity;
  const random = new Random(Math.round(mole * 1e6), Math.round(eyeSpacing * 1e6));
  const count = Math.round(60 * freckles);
  for (let i = 0; i < count; i++) {
    const [u, v] = [random.normal(0, faceWidth * 0.42), random.normal(0.22, 0.14)];
    const spot = canvas.mask(transform(ellipse(u, v, random.uniform(0.012, 0.024), 0.015, 0, 8), head.onFace));
    canvas.fill(intersect(spot, skin), times(colours.skin, [0.62, 0.4, 0.28]), { opacity: 0.6 });
  }
  if (mole > 0.8) {
    const [u, v] = [random.pick([-1, 1]) * random.uniform(0.2, 0.45), random.uniform(0.3, 0.75)];
    canvas.fill(transform(ellipse(u, v, 0.026, 0.026, 0, 10), head.onFace), scale(colours.skin, 0.16), { opacity: 0.9 });
  }
}

function drawBrow({ canvas, head, colours, expression, blank }: FaceSetting, side: -1 | 1): void {
  const { eyeSpacing, eyeSize, browHeight, browThickness, browAngle } = head.identity;
  const v = -browHeight - 0.05 * expression.brows;
  const frown = Math.min(0, expression.brows) * 0.06;
  const points: Place[] = [
    [side * (eyeSpacing - eyeSize * 1.12), v + 0.022 - frown],
    [side * (eyeSpacing - eyeSize * 0.3), v - 0.01 - browAngle * 0.13],
    [side * (eyeSpacing + eyeSize * 0.55), v - 0.015 - browAngle * 0.22],
    [side * (eyeSpacing + eyeSize * 1.35), v + 0.06],
  ];
  const t = browThickness * head.pose.scale;
  const mask = canvas.mask(stroke(onFace(head, points, false), [t * 0.75, t * 1.1, t * 0.2]));
  canvas.label(mask, side < 0 ? labels.l_brow : labels.r_brow);
  if (blank) return void canvas.multiply(canvas.soften(mask, 0.004), [0.75, 0.75, 0.75], 0.7);
  canvas.fill(canvas.soften(mask, 0.006), colours.brows, { opacity: 0.5 });
  const hairs = 1 / (t * 0.35);
  canvas.fill(
    mask,
    (x, y, out) => {
      const tone = 0.8 + 0.5 * noise2((x * side * 0.8 + y) * hairs, (x * side - y) * hairs * 0.2);
      for (let k = 0; k < 3; k++) out[k] = colours.brows[k as 0] * tone;
    },
    { opacity: 0.85, soft: 0.002 },
  );
}

interface EyeShape {
  readonly upper: Path;
  readonly almond: Path;
  readonly lower: Path;
  readonly crease: Path;
}

function eyeShape({ head, expression }: FaceSetting, side: -1 | 1): EyeShape {
  const { eyeSpacing, eyeSize: a, eyeOpening, eyeTilt, age } = head.identity;
  const open = a * eyeOpening * (0.12 + 0.92 * expression.eyesOpen) * (1 - 0.15 * clamp((age - 50) / 30));
  const squint = 0.22 * Math.max(0, expression.smile);
  const place = (x: number, y: number): Place => [side * (eyeSpacing + x * a), y - x * a * Math.tan(eyeTilt)];
  const inner = place(-1, 0.018);
  const outer = place(1, -0.008);
  const upper: Place[] = [inner, place(-0.55, -open * 0.82), place(0.08, -open * 1.12), place(0.62, -open * 0.72), outer];
  const lower: Place[] = [outer, place(0.5, open * (0.66 - squint)), place(-0.1, open * (0.78 - squint)), place(-0.65, open * 0.46), inner];
  const crease: Place[] = upper.map(([u, v], i) => [u, v - 0.05 - (i === 2 ? 0.018 : 0)]);
  return {
    upper: onFace(head, upper, false),
    lower: onFace(head, lower, false),
    almond: [...onFace(head, upper, false, 5), ...onFace(head, lower, false, 5)],
    crease: onFace(head, crease, false),
  };
}

const irisPlace = ({ head, gaze }: FaceSetting, side: -1 | 1): Place => {
  const { eyeSpacing, eyeSize } = head.identity;
  return [side * eyeSpacing + gaze[0] * eyeSize * 0.34, -0.016 + gaze[1] * eyeSize * 0.2];
};

function drawEye(setting: FaceSetting, side: -1 | 1): void {
  const { canvas, head, colours, blank } = setting;
  const woman = isWoman(head.identity);
  const { scale: size } = head.pose;
  const shape = eyeShape(setting, side);
  const almond = canvas.mask(shape.almond);
  const lashes: Rgb = blank ? scale(colours.skin, 0.6) : mix([0.012, 0.008, 0.006], scale(colours.brows, 0.4), 0.4);
  const white: Rgb = blank ? colours.skin : [0.8, 0.77, 0.74];
  canvas.fill(stroke(shape.crease, [0.002, 0.009 * size * 3, 0.002]), scale(colours.skin, 0.45), { opacity: 0.5, soft: 0.004 });
  canvas.fill(almond, white, { label: side < 0 ? labels.l_eye : labels.r_eye });
  const [u, v] = irisPlace(setting, side);
  const r = 0.092;
  const disc = (radius: number) => intersect(canvas.mask(transform(ellipse(u, v, radius), head.onFace)), almond);
  if (!blank) {
    const middle = head.onFace(u, v);
    canvas.fill(disc(r), (x, y, out) => {
      const d = Math.sqrt((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (r * size);
      const tone = d > 0.82 ? 0.35 : 0.75 + 0.9 * clamp((y - middle[1]) / (r * size)) + 0.25 * (1 - d);
      for (let k = 0; k < 3; k++) out[k] = colours.iris[k as 0] * tone;
    });
    canvas.fill(disc(r * 0.42), [0.004, 0.004, 0.005]);
  } else canvas.fill(disc(r * 0.7), scale(colours.skin, 0.62), { opacity: 0.6 });
  // The upper lid throws a shadow on the ball.
  canvas.multiply(intersect(canvas.soften(canvas.mask(stroke(shape.upper, [0.006, 0.022, 0.006])), 0.005), almond), [0.4, 0.4, 0.42], 0.75);
  const lash = size * (woman ? 0.05 : 0.026);
  canvas.fill(stroke(shape.upper, [lash * 0.3, lash, lash * (woman ? 0.9 : 0.4)]), lashes, { opacity: 0.92 });
  canvas.fill(stroke(shape.lower, [size * 0.022, size * 0.012, size * 0.006]), lashes, { opacity: woman ? 0.6 : 0.42, soft: 0.002 });
}

function drawCatchlight(setting: FaceSetting, side: -1 | 1): void {
  const { canvas, head, light, blank } = setting;
  if (blank || setting.expression.eyesOpen < 0.3) return;
  const [u, v] = irisPlace(setting, side);
  canvas.fill(transform(ellipse(u + 0.03 * Math.sign(light.side || 1), v - 0.035, 0.021, 0.021, 0, 10), head.onFace), [1, 1, 1], {
    opacity: 0.85,
  });
}

function drawMouth({ canvas, head, colours, expression, blank }: FaceSetting): void {
  const { lipWidth, lipFullness: f, presentation } = head.identity;
  const { smile, mouthOpen } = expression;
  const v = mouthHeight(head.identity);
  const w = lipWidth * (1 + 0.2 * Math.max(0, smile) - 0.1 * mouthOpen);
  const lift = 0.075 * smile;
  const gap = 0.012 + 0.14 * mouthOpen;
  const corner = (side: number): Place => [side * w, v - lift];
  const bow: Place[] = [
    corner(-1),
    [-w * 0.5, v - f * 0.42 - lift * 0.35],
    [-w * 0.16, v - f * 0.78],
    [0, v - f * 0.6],
    [w * 0.16, v - f * 0.78],
    [w * 0.5, v - f * 0.42 - lift * 0.35],
    corner(1),
  ];
  const top: Place[] = [
    corner(1),
    [w * 0.45, v + lift * 0.32 - gap * 0.2],
    [0, v + lift * 0.5 - gap * 0.2],
    [-w * 0.45, v + lift * 0.32 - gap * 0.2],
    corner(-1),
  ];
  const low: Place[] = [
    corner(-1),
    [-w * 0.5, v + lift * 0.3 + gap * 0.72],
    [0, v + lift * 0.5 + gap],
    [w * 0.5, v + lift * 0.3 + gap * 0.72],
    corner(1),
  ];
  const under: Place[] = [
    corner(1),
    [w * 0.55, v + lift * 0.22 + gap * 0.8 + f * 0.66],
    [0, v + lift * 0.45 + gap + f],
    [-w * 0.55, v + lift * 0.22 + gap * 0.8 + f * 0.66],
    corner(-1),
  ];
  const line = (points: Place[]) => onFace(head, points, false, 5);
  const inside = canvas.mask([...line(top), ...line(low)]);
  canvas.fill([...line(bow), ...line(under)], scale(colours.lips, 0.9), { opacity: 0.25, soft: 0.006 });
  if (mouthOpen > 0.08) {
    canvas.fill(inside, blank ? scale(colours.skin, 0.4) : [0.09, 0.018, 0.018], { label: labels.mouth });
    const teeth: Place[] = [
      [-w * 0.8, v - lift * 0.4],
      [0, v + lift * 0.4],
      [w * 0.8, v - lift * 0.4],
      [w * 0.6, v + lift * 0.3 + gap * 0.42],
      [0, v + lift * 0.5 + gap * 0.5],
      [-w * 0.6, v + lift * 0.3 + gap * 0.42],
    ];
    canvas.fill(intersect(canvas.mask(onFace(head, teeth)), inside), blank ? colours.skin : [0.78, 0.74, 0.68], { soft: 0.002 });
  }
  const strength = 0.62 + 0.3 * presentation;
  canvas.fill([...line(bow), ...line(top)], scale(colours.lips, 0.8), { opacity: strength, label: labels.u_lip });
  const lower = [...line(low), ...line(under)];
  canvas.fill(lower, colours.lips, { opacity: strength, label: labels.l_lip });
  const gloss = transform(ellipse(0, v + lift * 0.45 + gap + f * 0.42, w * 0.38, f * 0.16), head.onFace);
  canvas.fill(gloss, mix(colours.lips, [1, 0.9, 0.9], 0.55), { opacity: 0.3 + 0.25 * presentation, soft: 0.005 });
  const seam = scale(colours.lips, 0.2);
  canvas.fill(stroke(line(top), [0.004, 0.007, 0.004]), seam, { opacity: mouthOpen > 0.08 ? 0.5 : 0.85, soft: 0.0015 });
}
