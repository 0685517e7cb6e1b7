/** The face as a surface: a height over (u, v), from which its light comes, with the places that light reaches badly and that blood flushes. */
import { isWoman, type Identity } from './identity.ts';

const CELLS = 80;
const HALF_U = 1;
const HALF_V = 1.15;
const STEP_U = (2 * HALF_U) / (CELLS - 1);
const STEP_V = (2 * HALF_V) / (CELLS - 1);

/** What an expression does to the surface. */
export interface Expression {
  /** −1 sad … 1 broad smile. */
  readonly smile: number;
  /** 0 closed … 1 wide open mouth. */
  readonly mouthOpen: number;
  /** −1 frown … 1 raised. */
  readonly brows: number;
  /** 0 closed … 1 wide open eyes. */
  readonly eyesOpen: number;
}

type Bump = readonly [u: number, v: number, sizeU: number, sizeV: number, amount: number];

/** Slopes, occlusion and flush on a grid over the face. */
export class Relief {
  readonly slopeU = new Float32Array(CELLS * CELLS);
  readonly slopeV = new Float32Array(CELLS * CELLS);
  readonly occlusion = new Float32Array(CELLS * CELLS);
  readonly flush = new Float32Array(CELLS * CELLS);

  constructor(identity: Identity, expression: Expression) {
    const height = skullHeight(identity);
    for (const bump of bumps(identity, expression)) add(height, bump);
    addLines(height, identity);
    for (const bump of shadows(identity, expression)) add(this.occlusion, bump);
    for (const bump of flushes(identity, expression)) add(this.flush, bump);
    for (let j = 0; j < CELLS; j++)
      for (let i = 0; i < CELLS; i++) {
        const [l, r] = [Math.max(0, i - 1), Math.min(CELLS - 1, i + 1)];
        const [t, b] = [Math.max(0, j - 1), Math.min(CELLS - 1, j + 1)];
        this.slopeU[j * CELLS + i] = (height[j * CELLS + r]! - height[j * CELLS + l]!) / ((r - l) * STEP_U);
        this.slopeV[j * CELLS + i] = (height[b * CELLS + i]! - height[t * CELLS + i]!) / ((b - t) * STEP_V);
      }
  }

  /** Bilinear: slopes, occlusion and flush at (u, v), written to `out`. */
  sample(u: number, v: number, out: Float32Array): void {
    const x = Math.min(CELLS - 1.001, Math.max(0, (u + HALF_U) / STEP_U));
    const y = Math.min(CELLS - 1.001, Math.max(0, (v + HALF_V) / STEP_V));
    const i = Math.floor(x);
    const j = Math.floor(y);
    const fx = x - i;
    const fy = y - j;
    const at = j * CELLS + i;
    const w00 = (1 - fx) * (1 - fy);
    const w01 = fx * (1 - fy);
    const w10 = (1 - fx) * fy;
    const w11 = fx * fy;
    const { slopeU, slopeV, occlusion, flush } = this;
    out[0] = slopeU[at]! * w00 + slopeU[at + 1]! * w01 + slopeU[at + CELLS]! * w10 + slopeU[at + CELLS + 1]! * w11;
    out[1] = slopeV[at]! * w00 + slopeV[at + 1]! * w01 + slopeV[at + CELLS]! * w10 + slopeV[at + CELLS + 1]! * w11;
    out[2] = occlusion[at]! * w00 + occlusion[at + 1]! * w01 + occlusion[at + CELLS]! * w10 + occlusion[at + CELLS + 1]! * w11;
    out[3] = flush[at]! * w00 + flush[at + 1]! * w01 + flush[at + CELLS]! * w10 + flush[at + CELLS + 1]! * w11;
  }
}

function skullHeight({ faceWidth }: Identity): Float32Array {
  const height = new Float32Array(CELLS * CELLS);
  for (let j = 0; j < CELLS; j++)
    for (let i = 0; i < CELLS; i++) {
      const a = (i * STEP_U - HALF_U) / (faceWidth * 1.06);
      const b = (j * STEP_V - HALF_V + 0.02) / 1.1;
      const left = 1 - a * a - b * b;
      height[j * CELLS + i] = 0.72 * (left > 0 ? Math.sqrt(left + 0.02) : 0.14 + 0.3 * left);
    }
  return height;
}

/** A Gaussian hill, looked at within three deviations. */
function add(field: Float32Array, [u, v, sizeU, sizeV, amount]: Bump): void {
  const i0 = Math.max(0, Math.floor((u - 3 * sizeU + HALF_U) / STEP_U));
  const i1 = Math.min(CELLS - 1, Math.ceil((u + 3 * sizeU + HALF_U) / STEP_U));
  const j0 = Math.max(0, Math.floor((v - 3 * sizeV + HALF_V) / STEP_V));
  const j1 = Math.min(CELLS - 1, Math.ceil((v + 3 * sizeV + HALF_V) / STEP_V));
  for (let j = j0; j <= j1; j++) {
    const b = (j * STEP_V - HALF_V - v) / sizeV;
    for (let i = i0; i <= i1; i++) {
      const a = (i * STEP_U - HALF_U - u) / sizeU;
      field[j * CELLS + i]! += amount * Math.exp(-0.5 * (a * a + b * b));
    }
  }
}

const both = (u: number, v: number, sizeU: number, sizeV: number, amount: number): Bump[] => [
  [-u, v, sizeU, sizeV, amount],
  [u, v, sizeU, sizeV, amount],
];

function bumps(identity: Identity, { smile, mouthOpen }: Expression): Bump[] {
  const { eyeSpacing, noseLength, noseWidth, noseBridge, lipWidth, lipFullness, cheekFullness, faceWidth, lines, chinWidth } = identity;
  const man = isWoman(identity) ? 0 : 1;
  const mouth = mouthHeight(identity);
  const ridge = 0.045 + 0.05 * (1 - noseBridge);
  const nose = Array.from({ length: 6 }, (_, i): Bump => {
    const t = i / 5;
    return [0, -0.1 + t * (noseLength + 0.02), ridge + 0.035 * t, 0.07, (0.05 + 0.075 * t) * (0.55 + 0.75 * noseBridge)];
  });
  return [
    ...nose,
    [0, noseLength - 0.03, noseWidth * 0.5, 0.075, 0.13],
    ...both(noseWidth * 0.8, noseLength, 0.05, 0.055, 0.055),
    ...both(eyeSpacing, -0.02, 0.17, 0.11, -0.085),
    ...both(eyeSpacing, 0.0, 0.1, 0.06, 0.05),
    ...both(eyeSpacing * 0.95, -0.2, 0.19, 0.065, 0.035 + 0.03 * man),
    ...both(faceWidth * 0.62, 0.26, 0.16, 0.12, 0.03 + 0.05 * cheekFullness + 0.04 * Math.max(0, smile)),
    ...both(faceWidth * 0.66, 0.52, 0.13, 0.15, -0.06 * (1 - cheekFullness)),
    ...both(
      noseWidth + 0.07 + 0.03 * smile,
      (noseLength + mouth) / 2 + 0.02,
      0.035,
      0.1,
      -0.012 - 0.04 * lines - 0.018 * Math.max(0, smile),
    ),
    ...both(eyeSpacing, 0.13, 0.11, 0.03, -0.012 - 0.03 * lines),
    [0, mouth - 0.05, lipWidth * 0.6, 0.045, 0.024],
    [0, mouth + lipFullness * 0.6 + 0.1 * mouthOpen, lipWidth * 0.5, 0.05, 0.036],
    [0, mouth, lipWidth * 0.8, 0.02, -0.022],
    [0, mouth + lipFullness + 0.1, 0.16, 0.045, -0.034],
    [0, 0.9, chinWidth * 0.55, 0.09, 0.06 + 0.02 * man],
    ...both(lipWidth + 0.03, mouth, 0.045, 0.045, -0.012 - 0.02 * lines),
    [0, (noseLength + mouth) / 2, 0.022, 0.05, -0.015],
  ];
}

/** Furrows of the forehead and between the brows. */
function addLines(height: Float32Array, { lines }: Identity): void {
  if (lines < 0.2) return;
  for (const [v, width] of [
    [-0.58, 0.2],
    [-0.48, 0.26],
    [-0.39, 0.22],
  ] as const)
    add(height, [0.02, v, width, 0.018, -0.022 * lines]);
  for (const bump of both(0.05, -0.22, 0.014, 0.05, -0.018 * lines)) add(height, bump);
}

/** Where little light comes: sockets, under the nose and the lip. */
function shadows({ eyeSpacing, noseLength, noseWidth, lines, faceWidth, ...identity }: Identity, { mouthOpen }: Expression): Bump[] {
  const mouth = mouthHeight({ noseLength });
  return [
    ...both(eyeSpacing - 0.03, -0.07, 0.15, 0.075, 0.3),
    ...both(eyeSpacing - 0.06, 0.1, 0.1, 0.05, 0.1 + 0.22 * lines),
    ...both(0.12, -0.02, 0.05, 0.1, 0.12),
    [0, noseLength + 0.07, noseWidth * 0.9, 0.035, 0.26],
    [0, mouth + identity.lipFullness + 0.09 + 0.12 * mouthOpen, 0.15, 0.04, 0.14],
    ...both(faceWidth * 0.95, 0.1, 0.08, 0.5, 0.22),
    [0, 1.04, 0.5, 0.09, 0.34],
  ];
}

function flushes({ faceWidth, noseLength, eyeSpacing, ...identity }: Identity, { smile }: Expression): Bump[] {
  const strength = 0.32 + 0.2 * identity.presentation + 0.15 * smile;
  return [
    ...both(faceWidth * 0.62, 0.3, 0.18, 0.14, strength),
    [0, noseLength - 0.04, 0.1, 0.09, 0.35],
    ...both(eyeSpacing, -0.08, 0.14, 0.05, 0.12 + 0.2 * identity.presentation),
    [0, 0.9, 0.16, 0.08, 0.18],
  ];
}

/** v of the line between the lips. */
export const mouthHeight = ({ noseLength }: Pick<Identity, 'noseLength'>): number => noseLength + 0.24;
