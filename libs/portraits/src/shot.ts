/** How a person is shown this time: everything that may change from one picture to the next. */
import { colourNames, type ColourName } from './canvas/colour.ts';
import { isWoman, type Identity } from './person/identity.ts';
import type { Expression } from './person/relief.ts';
import type { Random } from './random.ts';
import { actions, type ActionName } from './scene/actions.ts';
import { backdrops, type BackdropName } from './scene/backdrops.ts';
import { styles, type StyleName } from './style/styles.ts';
import type { Dress } from './wear/clothing.ts';
import type { Glasses } from './wear/eyewear.ts';
import type { HatWorn } from './wear/hats.ts';

export interface Shot {
  /** Radians: to the picture's right, down, clockwise. */
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
  /** Half the height of the head, and its middle, in units of the frame. */
  readonly scale: number;
  readonly x: number;
  readonly y: number;
  readonly expression: Expression;
  /** Where the eyes look, −1…1 to the right and down. */
  readonly gaze: readonly [number, number];
  /** The key light: radians to the right, above the horizon; 0 flat … 1 hard. */
  readonly light: { readonly azimuth: number; readonly elevation: number; readonly contrast: number };
  readonly backdrop: BackdropName;
  /** The wall of a studio. */
  readonly backdropColour: ColourName;
  readonly dress: Dress;
  readonly hat?: HatWorn;
  readonly glasses?: Glasses;
  readonly scarf?: ColourName | 'rainbow';
  readonly necklace?: 'gold' | 'pearl';
  readonly earrings?: ColourName;
  readonly action?: ActionName;
  /** Where the thing in the hands is: −1 in the picture's left, 1 in its right. */
  readonly side: -1 | 1;
  readonly style: StyleName;
  /** The scenario that it is of, when it is of one. */
  readonly scenario?: string;
  /** What a caption says of it. */
  readonly told: readonly Told[];
  /** For folds, leaves and strokes. */
  readonly seed: number;
}
export type Told = 'backdrop' | 'dress' | 'hat' | 'glasses' | 'scarf' | 'necklace' | 'earrings' | 'age';

const casual = ['t-shirt', 'shirt', 'sweater', 'hoodie', 'jacket'] as const;
const casualWomen = [...casual, 'dress', 'tank-top'] as const;
const freeHats = ['hat', 'cap', 'beanie', 'straw-hat', 'cowboy-hat', 'top-hat'] as const;
const places = (Object.keys(backdrops) as BackdropName[]).filter((name) => name !== 'studio');
const paintedStyles = (Object.keys(styles) as StyleName[]).filter((name) => name !== 'photo');

/** Pose, light, expression and plain clothes in front of a wall: what every shot starts from. */
export function plainShot(random: Random, identity: Identity): Shot {
  const garment = random.pick(isWoman(identity) ? casualWomen : casual);
  return {
    yaw: random.normal(0, 0.2),
    pitch: random.normal(0.02, 0.1),
    roll: random.normal(0, 0.06),
    scale: random.uniform(0.292, 0.33),
    x: 0.5 + random.normal(0, 0.018),
    y: 0.462 + random.normal(0, 0.012),
    expression: randomExpression(random),
    gaze: random.chance(0.65) ? [random.normal(0, 0.08), random.normal(0, 0.06)] : [random.normal(0, 0.45), random.normal(0, 0.25)],
    light: { azimuth: random.normal(0, 0.6), elevation: random.uniform(0.2, 0.85), contrast: random.uniform(0.35, 0.8) },
    backdrop: 'studio',
    backdropColour: random.pick(colourNames),
    dress: { garment, colour: random.pick(colourNames), striped: random.chance(0.12) && garment !== 'jacket' },
    ...(isWoman(identity) && random.chance(0.18) ? { earrings: random.pick(['yellow', 'white', 'red', 'teal'] as const) } : {}),
    side: random.chance(0.5) ? 1 : -1,
    style: 'photo',
    told: [],
    seed: random.uint32(),
  };
}

/** Whether it shows the person as such, with nothing put on and nothing behind. */
export const isPlain = ({ backdrop, style, scenario, action, hat, glasses, scarf }: Shot): boolean =>
  backdrop === 'studio' && style === 'photo' && [scenario, action, hat, glasses, scarf].every((extra) => extra === undefined);

function randomExpression(random: Random): Expression {
  const smiling = random.chance(0.55);
  return {
    smile: smiling ? random.uniform(0.25, 1) : random.normal(0.14, 0.16),
    mouthOpen: random.chance(smiling ? 0.5 : 0.15) ? random.uniform(0.15, 0.6) : 0,
    brows: random.normal(0, 0.35),
    eyesOpen: random.chance(0.04) ? random.uniform(0.05, 0.3) : random.uniform(0.75, 1),
  };
}

/** Free attributes together: clothes, hats, glasses, places, actions and styles beyond the scenarios. Most of them are told. */
export function randomShot(random: Random, identity: Identity): Shot {
  const plain = plainShot(random, identity);
  const action = random.chance(0.2) ? random.pick(Object.keys(actions) as ActionName[]) : undefined;
  const doing = action === undefined ? undefined : actions[action];
  const backdrop = doing ? random.pick<BackdropName>(doing.places) : random.chance(0.62) ? random.pick(places) : 'studio';
  const shot: Shot = {
    ...plain,
    backdrop,
    ...(action ? { action, x: plain.x - 0.045 * plain.side } : {}),
    ...(doing && 'garment' in doing ? { dress: { garment: doing.garment, colour: plain.dress.colour } } : {}),
    ...accessories(random, identity, doing !== undefined && 'hat' in doing),
    ...(doing && 'hat' in doing ? { hat: { kind: doing.hat, colour: random.pick(colourNames) } } : {}),
    style: random.chance(0.18) ? random.pick(paintedStyles) : 'photo',
  };
  return { ...shot, told: toldOf(random, shot) };
}

function accessories(random: Random, identity: Identity, helmeted: boolean): Partial<Shot> {
  const neck = random.uniform();
  return {
    ...(!helmeted && random.chance(0.3) ? { hat: { kind: random.pick(freeHats), colour: random.pick(colourNames) } } : {}),
    ...(random.chance(0.27)
      ? { glasses: { kind: random.chance(0.6) ? 'glasses' : 'sunglasses', colour: random.pick(colourNames), square: random.uniform() } }
      : {}),
    ...(neck < 0.12 ? { scarf: random.chance(0.12) ? 'rainbow' : random.pick(colourNames) } : {}),
    ...(neck > 0.9 || (isWoman(identity) && neck > 0.8) ? { necklace: random.pick(['gold', 'pearl'] as const) } : {}),
  };
}

/** A caption leaves out some of what can be seen, as people's captions do. */
function toldOf(random: Random, shot: Shot): Told[] {
  const likely: Record<Told, number> = {
    backdrop: 0.85,
    dress: 0.5,
    hat: 0.92,
    glasses: 0.9,
    scarf: 0.92,
    necklace: 0.8,
    earrings: 0.4,
    age: 0.25,
  };
  const inView = (what: Told) => what === 'age' || what === 'dress' || shot[what] !== undefined;
  return (Object.keys(likely) as Told[]).filter((what) => inView(what) && random.chance(likely[what]));
}
