/** What a portrait's person is doing: the words of a caption, the places and clothes it goes with, and who draws its things. */
import type { Garment, Hat } from '../wear/wardrobe.ts';
import type { BackdropName } from './backdrops.ts';
import type { Prop } from './props.ts';
import * as props from './props.ts';

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
  'glass-of-wine': { words: 'holding a glass of wine', places: anywhere, draw: props.wine },
  'riding-a-horse': { words: 'riding a horse', places: ['meadow', 'desert', 'mountain'], draw: props.horse },
  'piece-of-cake': { words: 'holding a piece of cake', places: anywhere, draw: props.cake },
  'giving-a-lecture': { words: 'giving a lecture', places: ['lecture'], garment: 'jacket', draw: props.microphone },
  'reading-a-book': { words: 'reading a book', places: ['library', 'studio', 'garden'], draw: props.book },
  gardening: { words: 'gardening in the backyard', places: ['garden'], draw: props.gardening },
  cooking: { words: 'cooking a meal', places: ['kitchen'], garment: 'apron', draw: props.pan },
  'working-out': { words: 'working out at the gym', places: ['gym'], garment: 'tank-top', draw: props.barbell },
  'walking-the-dog': { words: 'walking the dog', places: ['meadow', 'road', 'garden'], draw: props.dog },
  'baking-cookies': { words: 'baking cookies', places: ['kitchen'], garment: 'apron', draw: props.cookies },
  coding: { words: 'coding in front of a computer', places: ['office'], draw: props.computer },
  motorcycle: {
    words: 'riding a motorcycle',
    places: ['road', 'desert'],
    garment: 'vest',
    hat: 'motorcycle-helmet',
    draw: props.motorcycle,
  },
} as const satisfies Record<string, Action>;
export type ActionName = keyof typeof actions;
