/** From an identity's pigments to colours. */
import { hex, mix, ramp, scale, times, type Rgb } from '../canvas/colour.ts';
import type { Identity } from './identity.ts';

const skinTones = ['#f2d3c0', '#eabf9f', '#dba680', '#c4895f', '#a06a45', '#7a4c32', '#553425'].map(hex);
const ashenHair = ['#d8bd86', '#a98550', '#6b4a2b', '#3a271a', '#15100e'].map(hex);
const redHair = ['#d98a44', '#bb5b22', '#8a3515', '#4a1d10', '#1c0d0a'].map(hex);
const whiteHair = hex('#d4d2cd');
const irises = ['#2a170d', '#4f2d14', '#7a5526', '#5f7a3a', '#3f7fae', '#8da3ad'].map(hex);

export interface Colours {
  readonly skin: Rgb;
  readonly flush: Rgb;
  readonly lips: Rgb;
  readonly hair: Rgb;
  readonly brows: Rgb;
  readonly iris: Rgb;
}

export function coloursOf(identity: Identity): Colours {
  const undertone: Rgb = mix([1.04, 0.96, 0.98], [1.0, 1.0, 0.86], identity.skinUndertone);
  const skin = times(ramp(skinTones, identity.skinTone), undertone);
  const flush = times(skin, mix([1.1, 0.66, 0.62], [1.05, 0.7, 0.66], identity.skinTone));
  const pigment = mix(ramp(ashenHair, identity.hairMelanin), ramp(redHair, identity.hairMelanin), identity.hairRedness);
  const hair = mix(pigment, whiteHair, identity.hairGrey * 0.9);
  return {
    skin,
    flush,
    lips: mix(times(skin, [0.92, 0.58, 0.56]), times(mix(skin, hex('#b8283c'), 0.55), [1, 0.5, 0.55]), identity.lipColour),
    hair,
    brows: mix(scale(mix(pigment, whiteHair, identity.hairGrey * 0.5), 0.62), scale(skin, 0.3), 0.25),
    iris: ramp(irises, identity.eyeColour),
  };
}
