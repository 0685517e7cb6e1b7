/**
 * The 45 scenarios with which ConsistentID was evaluated (arXiv 2404.16771, MyStyle prompts), each with what is drawn for it. Ids, categories
 * and templates are those of the service's presets. Where a portrait cannot show a scenario whole, `nearest` says what stands for it.
 */
import type { Identity } from './person/identity.ts';
import type { Random } from './random.ts';
import { actions, type ActionName } from './scene/actions.ts';
import { backdrops, type BackdropName } from './scene/backdrops.ts';
import { plainShot, type Shot } from './shot.ts';
import { styles, type StyleName } from './style/styles.ts';

export type ScenarioCategory = 'accessory' | 'background' | 'action' | 'style';

export interface Scenario {
  readonly category: ScenarioCategory;
  /** With `{subject}`: "a man" or "a woman". */
  readonly template: string;
  readonly nearest?: string;
  readonly change: (random: Random, plain: Shot) => Partial<Shot>;
}

const worn = (template: string, change: Scenario['change'], nearest?: string): Scenario => ({
  category: 'accessory',
  template: `{subject} ${template}`,
  change,
  ...(nearest ? { nearest } : {}),
});
const place = (backdrop: BackdropName, nearest?: string): Scenario => ({
  category: 'background',
  template: `{subject} ${backdrops[backdrop].words}`,
  change: () => ({ backdrop }),
  ...(nearest ? { nearest } : {}),
});
const doing = (action: ActionName, nearest: string, template: string = actions[action].words): Scenario => ({
  category: 'action',
  template: `{subject} ${template}`,
  nearest,
  change: (random, plain) => {
    const entry = actions[action];
    return {
      action,
      x: plain.x - 0.045 * plain.side,
      backdrop: random.pick<BackdropName>(entry.places),
      ...('garment' in entry ? { dress: { garment: entry.garment, colour: plain.dress.colour } } : {}),
      ...('hat' in entry ? { hat: { kind: entry.hat, colour: random.pick(['red', 'black', 'white', 'blue', 'orange'] as const) } } : {}),
    };
  },
});
const manner = (style: StyleName): Scenario => ({ category: 'style', template: styles[style].words, change: () => ({ style }) });
const square = (random: Random) => random.uniform();

const lying = 'seen from the front with the surface behind, not lying on it';

export const scenarios = {
  'red-hat': worn('wearing a red hat', () => ({ hat: { kind: 'hat', colour: 'red' } })),
  'santa-hat': worn('wearing a santa hat', () => ({ hat: { kind: 'santa-hat', colour: 'red' } })),
  'rainbow-scarf': worn('wearing a rainbow scarf', () => ({ scarf: 'rainbow' })),
  'top-hat-and-monocle': worn('wearing a black top hat and a monocle', (random) => ({
    hat: { kind: 'top-hat', colour: 'black' },
    glasses: { kind: 'monocle', colour: 'yellow', square: square(random) },
    dress: { garment: 'jacket', colour: random.pick(['black', 'grey', 'navy'] as const) },
  })),
  'chef-outfit': worn('in a chef outfit', () => ({
    hat: { kind: 'chef-hat', colour: 'white' },
    dress: { garment: 'chef', colour: 'white' },
  })),
  'firefighter-outfit': worn('in a firefighter outfit', () => ({
    hat: { kind: 'fire-helmet', colour: 'red' },
    dress: { garment: 'firefighter', colour: 'yellow' },
  })),
  'police-outfit': worn('in a police outfit', () => ({
    hat: { kind: 'police-cap', colour: 'navy' },
    dress: { garment: 'police', colour: 'navy' },
  })),
  'pink-glasses': worn('wearing pink glasses', (random) => ({ glasses: { kind: 'glasses', colour: 'pink', square: square(random) } })),
  'yellow-shirt': worn('wearing a yellow shirt', () => ({ dress: { garment: 'shirt', colour: 'yellow' } })),
  'wizard-outfit': worn('in a purple wizard outfit', () => ({
    hat: { kind: 'wizard-hat', colour: 'purple' },
    dress: { garment: 'wizard', colour: 'purple' },
  })),

  jungle: place('jungle'),
  snow: place('snow'),
  beach: place('beach'),
  'cobblestone-street': place('cobblestone-street'),
  'pink-fabric': place('pink-fabric', lying),
  'wooden-floor': place('wooden-floor', lying),
  city: place('city'),
  mountain: place('mountain'),
  'blue-house': place('blue-house'),
  'purple-rug-in-forest': place('purple-rug-in-forest', 'the rug rises behind the shoulders, the forest above it'),

  'glass-of-wine': doing('glass-of-wine', 'a hand holds the glass beside the face'),
  'riding-a-horse': doing('riding-a-horse', 'the head and the neck of the horse before the rider'),
  'piece-of-cake': doing('piece-of-cake', 'a hand holds a plate with the cake beside the chin'),
  'giving-a-lecture': doing('giving-a-lecture', 'a lectern with a microphone, a pointer, and a blackboard behind'),
  'reading-a-book': doing('reading-a-book', 'an open book before the chest'),
  gardening: doing('gardening', 'a trowel and a flower pot before a fence with flowers'),
  cooking: doing('cooking', 'a steaming pan and a spoon in a kitchen'),
  'working-out': doing('working-out', 'a barbell across the chest in a gym'),
  'walking-the-dog': doing('walking-the-dog', 'the dog beside the chest, on its leash'),
  'baking-cookies': doing('baking-cookies', 'a tray of cookies held with mitts'),
  'doctoral-cap': {
    category: 'action',
    template: '{subject} wearing a doctoral cap',
    change: () => ({ hat: { kind: 'doctoral-cap', colour: 'black' }, dress: { garment: 'gown', colour: 'black' } }),
  },
  spacesuit: {
    category: 'action',
    template: '{subject} wearing a spacesuit',
    change: () => ({ hat: { kind: 'space-helmet', colour: 'white' }, dress: { garment: 'spacesuit', colour: 'white' }, backdrop: 'space' }),
  },
  'sunglasses-and-necklace': {
    category: 'action',
    template: '{subject} wearing sunglasses and necklace',
    change: (random) => ({
      glasses: { kind: 'sunglasses', colour: random.pick(['black', 'brown', 'red'] as const), square: square(random) },
      necklace: random.pick(['gold', 'pearl'] as const),
      dress: { garment: 't-shirt', colour: random.pick(['black', 'white', 'teal', 'purple'] as const) },
    }),
  },
  coding: doing('coding', 'a screen with code beside the face, hands on a keyboard', 'coding in front of a computer'),
  motorcycle: doing('motorcycle', 'handlebars, mirrors and the tank before the chest', 'in a helmet and vest riding a motorcycle'),

  banksy: manner('banksy'),
  'van-gogh': manner('van-gogh'),
  graffiti: manner('graffiti'),
  watercolor: manner('watercolor'),
  'marble-sculpture': manner('marble-sculpture'),
  'street-art-mural': manner('street-art-mural'),
  'black-and-white': manner('black-and-white'),
  pointillism: manner('pointillism'),
  woodblock: manner('woodblock'),
  stencil: manner('stencil'),
} as const satisfies Record<string, Scenario>;
export type ScenarioId = keyof typeof scenarios;
export const scenarioIds = Object.keys(scenarios) as ScenarioId[];

/** A shot of a scenario: what it asks for on a person in plain clothes, everything else by chance. */
export function scenarioShot(id: ScenarioId, random: Random, identity: Identity): Shot {
  const plain = plainShot(random, identity);
  const calm =
    scenarios[id].category === 'background' || scenarios[id].category === 'action'
      ? {}
      : { backdrop: random.pick(['studio', 'studio', 'city', 'meadow', 'library'] as const) };
  return { ...plain, ...calm, ...scenarios[id].change(random, plain), scenario: id };
}
