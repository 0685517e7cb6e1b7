/** What a portrait's person is doing: the words of a caption, the places and clothes it goes with, and who draws its things. */
import type { Garment, Hat } from '../wear/wardrobe.ts';
import * as animals from './animals.ts';
import type { BackdropName } from './backdrops.ts';
import * as food from './food.ts';
import type { Prop } from './hands.ts';
import * as tools from './tools.ts';

export interface Action {
  /** Behind "a man …". */
  readonly words: string;
  /** Where it happens when the caption does not say. */
  readonly places: readonly BackdropName[];
  readonly garment?: Garment;
  readonly hat?: Hat;
  /** Drawn before everything else of the portrait. */
  readonly draw: Prop;
}

const anywhere = ['studio', 'garden', 'city', 'sunset', 'library', 'brick-wall'] as const;

export const actions = {
  'glass-of-wine': { words: 'holding a glass of wine', places: anywhere, draw: food.wine },
  'riding-a-horse': { words: 'riding a horse', places: ['meadow', 'desert', 'mountain'], draw: animals.horse },
  'piece-of-cake': { words: 'holding a piece of cake', places: anywhere, draw: food.cake },
  'giving-a-lecture': { words: 'giving a lecture', places: ['lecture'], garment: 'jacket', draw: tools.microphone },
  'reading-a-book': { words: 'reading a book', places: ['library', 'studio', 'garden'], draw: tools.book },
  gardening: { words: 'gardening in the backyard', places: ['garden'], draw: tools.gardening },
  cooking: { words: 'cooking a meal', places: ['kitchen'], garment: 'apron', draw: food.pan },
  'working-out': { words: 'working out at the gym', places: ['gym'], garment: 'tank-top', draw: tools.barbell },
  'walking-the-dog': { words: 'walking the dog', places: ['meadow', 'road', 'garden'], draw: animals.dog },
  'baking-cookies': { words: 'baking cookies', places: ['kitchen'], garment: 'apron', draw: food.cookies },
  coding: { words: 'coding in front of a computer', places: ['office'], draw: tools.computer },
  motorcycle: {
    words: 'riding a motorcycle',
    places: ['road', 'desert'],
    garment: 'vest',
    hat: 'motorcycle-helmet',
    draw: tools.motorcycle,
  },
} as const satisfies Record<string, Action>;
export type ActionName = keyof typeof actions;
