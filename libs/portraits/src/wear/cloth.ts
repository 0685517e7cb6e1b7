/** Cloth in the light: folds as a random relief, lit like everything else. */
import type { Shader } from '../canvas/canvas.ts';
import type { Rgb } from '../canvas/colour.ts';
import { noise2 } from '../canvas/noise.ts';
import type { Illumination } from '../person/light.ts';

export interface Weave {
  /** Size of the folds in the frame, and how deep they are. */
  readonly folds?: number;
  readonly depth?: number;
  /** Roundness: the place whose surface looks at the viewer, and the distance at which it has turned away. */
  readonly middle?: readonly [number, number];
  readonly radius?: readonly [number, number];
  /** 0 matt … 1 glossy. */
  readonly shine?: number;
  /** A colour by place that replaces `colour`. */
  readonly pattern?: (x: number, y: number) => Rgb;
}

/** Surfaces of one material; `seed` moves the folds. */
export function cloth(colour: Rgb, light: Illumination, seed: number, weave: Weave = {}): Shader {
  const { folds = 0.09, depth = 0.55, middle = [0.5, 0.8], radius = [0.75, 0.6], shine = 0, pattern } = weave;
  const f = 1 / folds;
  return (x, y, out) => {
    const a = x * f + seed * 7.3;
    const b = y * f * 0.7 + seed * 3.1;
    const nx = (x - middle[0]) / radius[0] + depth * (noise2(a + 0.35, b) - noise2(a - 0.35, b));
    const ny = (y - middle[1]) / radius[1] + depth * (noise2(a, b + 0.35) - noise2(a, b - 0.35));
    const lit = light.diffuse(nx, ny, 1);
    const gloss = shine === 0 ? 0 : shine * light.highlight(nx, ny, 1, 24);
    const thread = 1 + 0.05 * noise2(x * 300, y * 300);
    const own = pattern ? pattern(x, y) : colour;
    for (let k = 0; k < 3; k++) out[k] = own[k as 0] * thread * (light.key[k as 0] * lit + light.fill[k as 0]) + gloss * light.key[k as 0];
  };
}
