/** Colours are linear light, 0…1 each, so that light adds up as it does in a camera; files and names are sRGB. */
export type Rgb = readonly [number, number, number];

const toLinear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);

/** "#rrggbb" → linear light. */
export function hex(code: string): Rgb {
  const bits = parseInt(code.slice(1), 16);
  return [toLinear((bits >> 16) / 255), toLinear(((bits >> 8) & 255) / 255), toLinear((bits & 255) / 255)];
}

export const mix = (a: Rgb, b: Rgb, t: number): Rgb => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
export const scale = (a: Rgb, k: number): Rgb => [a[0] * k, a[1] * k, a[2] * k];
export const times = (a: Rgb, b: Rgb): Rgb => [a[0] * b[0], a[1] * b[1], a[2] * b[2]];
export const luminance = (r: number, g: number, b: number): number => 0.2126 * r + 0.7152 * g + 0.0722 * b;
export const clamp = (x: number, low = 0, high = 1): number => (x < low ? low : x > high ? high : x);
export const smoothstep = (low: number, high: number, x: number): number => {
  const t = clamp((x - low) / (high - low));
  return t * t * (3 - 2 * t);
};

/** The colour at `t` (0…1) along evenly spaced stops. */
export function ramp(stops: readonly Rgb[], t: number): Rgb {
  const at = clamp(t) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  return mix(stops[i]!, stops[i + 1]!, at - i);
}

const ENCODER_STEPS = 4096;
const encoder = Uint8Array.from({ length: ENCODER_STEPS + 1 }, (_, i) => {
  const c = i / ENCODER_STEPS;
  return Math.round(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055));
});

/** Linear light → an sRGB byte. */
export const encode = (c: number): number => encoder[Math.round(clamp(c) * ENCODER_STEPS)]!;

/** The names that captions use for things that are worn or painted. */
export const namedColours = {
  red: hex('#c8202a'),
  blue: hex('#2456b8'),
  green: hex('#2c8a45'),
  yellow: hex('#f0c41c'),
  purple: hex('#7a34a8'),
  pink: hex('#f07fae'),
  orange: hex('#ec7a1c'),
  white: hex('#eeeeea'),
  black: hex('#1a1a1d'),
  grey: hex('#85888c'),
  brown: hex('#6e452a'),
  teal: hex('#1f8c8c'),
  beige: hex('#d9c3a0'),
  navy: hex('#1c2a55'),
} as const;
export type ColourName = keyof typeof namedColours;
export const colourNames = Object.keys(namedColours) as ColourName[];
