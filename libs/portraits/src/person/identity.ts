/**
 * Who is drawn: what stays the same in every shot of a person. Lengths are in half heights of the head (from the crown to the chin is 2),
 * traits without a unit run from 0 to 1.
 */
import { clamp } from '../canvas/colour.ts';
import type { Random } from '../random.ts';

export const hairStyles = ['bald', 'buzz', 'crop', 'side-part', 'quiff', 'curls', 'afro', 'bob', 'long', 'bun', 'ponytail'] as const;
export const facialHairs = ['none', 'stubble', 'moustache', 'goatee', 'beard'] as const;
export type HairStyle = (typeof hairStyles)[number];
export type FacialHair = (typeof facialHairs)[number];

/** Every number that makes a person: its range and what it means. The order is that of `identityVector`. */
export const identityNumbers = {
  presentation: { low: 0, high: 1, meaning: '0 is drawn and called a man, 1 a woman' },
  age: { low: 18, high: 80, meaning: 'years' },
  skinTone: { low: 0, high: 1, meaning: 'lightest to darkest' },
  skinUndertone: { low: 0, high: 1, meaning: 'rosy to golden' },
  faceWidth: { low: 0.62, high: 0.8, meaning: 'half width at the cheekbones' },
  jawWidth: { low: 0.68, high: 0.95, meaning: 'at the corners of the jaw, as a part of faceWidth' },
  chinWidth: { low: 0.14, high: 0.38, meaning: 'half width of the chin' },
  cheekFullness: { low: 0, high: 1, meaning: 'hollow to full' },
  eyeSpacing: { low: 0.27, high: 0.37, meaning: 'from the middle to the centre of an eye' },
  eyeSize: { low: 0.13, high: 0.19, meaning: 'half width of an eye' },
  eyeOpening: { low: 0.38, high: 0.66, meaning: 'height of an eye as a part of its width' },
  eyeTilt: { low: -0.14, high: 0.22, meaning: 'outer corner raised, in radians' },
  eyeColour: { low: 0, high: 1, meaning: 'dark brown, brown, hazel, green, blue, grey' },
  browThickness: { low: 0.03, high: 0.1, meaning: 'at the thickest place' },
  browAngle: { low: -0.15, high: 0.3, meaning: 'rise from the inner end to the peak, in radians' },
  browHeight: { low: 0.2, high: 0.32, meaning: 'above the eye' },
  noseLength: { low: 0.34, high: 0.52, meaning: 'from the eyes to its base' },
  noseWidth: { low: 0.12, high: 0.25, meaning: 'half width at the wings' },
  noseBridge: { low: 0, high: 1, meaning: 'flat and broad to high and narrow' },
  lipWidth: { low: 0.21, high: 0.34, meaning: 'half width of the mouth' },
  lipFullness: { low: 0.05, high: 0.15, meaning: 'height of the lower lip' },
  lipColour: { low: 0, high: 1, meaning: 'the colour of the skin to deep red' },
  earSize: { low: 0.16, high: 0.27, meaning: 'half height of an ear' },
  hairMelanin: { low: 0, high: 1, meaning: 'blond to black' },
  hairRedness: { low: 0, high: 1, meaning: 'ashen to red' },
  hairGrey: { low: 0, high: 1, meaning: 'part of the hair that is white' },
  hairLength: { low: 0, high: 1, meaning: 'short to long, within what the style allows' },
  hairVolume: { low: 0.04, high: 0.3, meaning: 'how far it stands out' },
  hairCurl: { low: 0, high: 1, meaning: 'straight to curly' },
  hairline: { low: 0, high: 1, meaning: 'low to receding' },
  hairParting: { low: -1, high: 1, meaning: 'the side of the parting' },
  facialHairDensity: { low: 0, high: 1, meaning: 'thin to thick' },
  freckles: { low: 0, high: 1, meaning: 'none to many' },
  mole: { low: 0, high: 1, meaning: 'none below 0.8, above it the place of a mole' },
  lines: { low: 0, high: 1, meaning: 'depth of the lines of age' },
} as const;
export type IdentityNumber = keyof typeof identityNumbers;

export type Identity = { readonly [name in IdentityNumber]: number } & { readonly hairStyle: HairStyle; readonly facialHair: FacialHair };

export const isWoman = (identity: Identity): boolean => identity.presentation > 0.5;

const numberNames = Object.keys(identityNumbers) as IdentityNumber[];

/** The names of the components of `identityVector`. */
export const identityVectorNames: readonly string[] = [
  ...numberNames,
  ...hairStyles.map((style) => `hairStyle.${style}`),
  ...facialHairs.map((kind) => `facialHair.${kind}`),
];

/** What a regressor learns to recover: every number from −1 to 1 over its range, then the two choices as one-hot 0 or 1. */
export function identityVector(identity: Identity): Float32Array {
  const numbers = numberNames.map((name) => {
    const { low, high } = identityNumbers[name];
    return (2 * (identity[name] - low)) / (high - low) - 1;
  });
  const oneHot = (names: readonly string[], chosen: string) => names.map((name) => Number(name === chosen));
  return Float32Array.from([...numbers, ...oneHot(hairStyles, identity.hairStyle), ...oneHot(facialHairs, identity.facialHair)]);
}

/** The inverse of `identityVector`; of a choice the largest component counts, and numbers are kept in their range. */
export function identityFromVector(vector: ArrayLike<number>): Identity {
  const numbers = numberNames.map((name, i) => {
    const { low, high } = identityNumbers[name];
    return [name, low + ((clamp(vector[i]!, -1, 1) + 1) / 2) * (high - low)];
  });
  const choose = <T>(names: readonly T[], from: number) =>
    names.reduce((best, name, i) => (vector[from + i]! > vector[from + names.indexOf(best)]! ? name : best));
  const styles = numberNames.length;
  return {
    ...(Object.fromEntries(numbers) as Record<IdentityNumber, number>),
    hairStyle: choose(hairStyles, styles),
    facialHair: choose(facialHairs, styles + hairStyles.length),
  };
}

/** Hair styles by how often men and women wear them here. */
const menStyles = { bald: 10, buzz: 12, crop: 22, 'side-part': 20, quiff: 14, curls: 10, afro: 5, long: 5, bun: 2 };
const womenStyles = { crop: 6, curls: 10, afro: 7, bob: 22, long: 33, bun: 12, ponytail: 10 };

/** A person, traits drawn as they go together: hair darkens with the skin and greys with age, jaws and brows differ between men and women. */
export function randomIdentity(random: Random): Identity {
  const woman = random.chance(0.5);
  const side = woman ? 1 : 0;
  const age = random.uniform() < 0.75 ? random.uniform(19, 55) : random.uniform(55, 80);
  const skinTone = random.uniform() ** 1.12;
  const old = clamp((age - 35) / 40);
  const within = (name: IdentityNumber, mean: number, deviation: number) => {
    const { low, high } = identityNumbers[name];
    return clamp(random.normal(low + (high - low) * mean, (high - low) * deviation), low, high);
  };
  const light = 1 - skinTone;
  const hairStyle = woman ? random.weighted(womenStyles) : random.weighted(menStyles);
  return {
    presentation: side,
    age,
    skinTone,
    skinUndertone: within('skinUndertone', 0.5, 0.3),
    faceWidth: within('faceWidth', woman ? 0.42 : 0.58, 0.28),
    jawWidth: within('jawWidth', woman ? 0.35 : 0.68, 0.26),
    chinWidth: within('chinWidth', woman ? 0.35 : 0.62, 0.26),
    cheekFullness: within('cheekFullness', 0.5, 0.3),
    eyeSpacing: within('eyeSpacing', 0.5, 0.26),
    eyeSize: within('eyeSize', woman ? 0.62 : 0.42, 0.26),
    eyeOpening: within('eyeOpening', woman ? 0.6 : 0.45, 0.28),
    eyeTilt: within('eyeTilt', 0.45, 0.28),
    eyeColour: random.chance(0.04 + 0.8 * light ** 1.6) ? random.uniform(0.25, 1) : random.uniform(0, 0.3),
    browThickness: within('browThickness', woman ? 0.3 : 0.6, 0.25),
    browAngle: within('browAngle', woman ? 0.6 : 0.4, 0.28),
    browHeight: within('browHeight', woman ? 0.55 : 0.35, 0.25),
    noseLength: within('noseLength', woman ? 0.42 : 0.56, 0.26),
    noseWidth: within('noseWidth', 0.3 + 0.35 * skinTone + (woman ? -0.06 : 0.06), 0.22),
    noseBridge: within('noseBridge', 0.6 - 0.25 * skinTone, 0.28),
    lipWidth: within('lipWidth', 0.5, 0.26),
    lipFullness: within('lipFullness', (woman ? 0.5 : 0.34) + 0.25 * skinTone, 0.24),
    lipColour: within('lipColour', woman ? 0.6 : 0.2, 0.22),
    earSize: within('earSize', woman ? 0.4 : 0.58, 0.25),
    hairMelanin: clamp(skinTone > 0.55 ? random.uniform(0.72, 1) : random.uniform(0, 1)),
    hairRedness: random.chance(0.16 + 0.1 * light) ? random.uniform(0.5, 1) : random.uniform(0, 0.45),
    hairGrey: random.chance(0.35 + 0.6 * old) ? clamp(old * random.uniform(0.4, 1.5)) : 0.05 * old,
    hairLength: random.uniform(),
    hairVolume: within('hairVolume', 0.45, 0.26),
    hairCurl: hairStyle === 'afro' || hairStyle === 'curls' ? random.uniform(0.7, 1) : clamp(random.uniform(-0.15, 0.75)),
    hairline: clamp(woman ? random.uniform(0.05, 0.45) : random.uniform(0.1, 0.6) + 0.35 * old),
    hairParting: random.chance(0.5) ? random.uniform(0.25, 1) : random.uniform(-1, -0.25),
    hairStyle,
    facialHair: woman ? 'none' : random.weighted({ none: 40, stubble: 14, moustache: 10, goatee: 12, beard: 24 }),
    facialHairDensity: random.uniform(0.2, 1),
    freckles: skinTone < 0.45 && random.chance(0.25) ? random.uniform(0.4, 1) : 0,
    mole: random.uniform(),
    lines: clamp((age - 28) / 50 + random.normal(0, 0.1)),
  };
}
