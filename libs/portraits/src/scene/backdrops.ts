/** Where a portrait may be taken: the words of a caption, the light of the place, and who draws it. */
import type { Canvas } from '../canvas/canvas.ts';
import { namedColours, type ColourName, type Rgb } from '../canvas/colour.ts';
import type { Random } from '../random.ts';
import * as indoors from './indoors.ts';
import * as nature from './nature.ts';
import * as streets from './streets.ts';

export interface Backdrop {
  /** Behind "a man …"; a studio's colour is put in by the caption. */
  readonly words: string;
  readonly draw: (canvas: Canvas, random: Random, colour: Rgb) => void;
  /** Tint of the key light and of the light from everywhere. */
  readonly key: Rgb;
  readonly fill: Rgb;
}

const day = { key: [1, 0.97, 0.9], fill: [0.85, 0.95, 1.06] } as const;
const room = { key: [1, 0.93, 0.82], fill: [0.92, 0.92, 0.95] } as const;

export const backdrops = {
  studio: { words: 'in front of a plain wall', draw: indoors.studio, key: [1, 0.98, 0.95], fill: [0.95, 0.97, 1] },
  jungle: { words: 'in the jungle', draw: nature.jungle, key: [0.98, 1, 0.8], fill: [0.78, 1, 0.78] },
  snow: { words: 'in the snow', draw: nature.snow, key: [1, 0.98, 0.97], fill: [0.95, 1.05, 1.2] },
  beach: { words: 'on the beach', draw: nature.beach, key: [1.06, 0.98, 0.85], fill: [0.85, 0.98, 1.08] },
  'cobblestone-street': { words: 'on a cobblestone street', draw: streets.cobblestones, ...day },
  'pink-fabric': { words: 'on top of pink fabric', draw: indoors.pinkFabric, key: [1, 0.95, 0.95], fill: [1.02, 0.85, 0.9] },
  'wooden-floor': { words: 'on top of a wooden floor', draw: indoors.woodenFloor, ...room },
  city: { words: 'with a city in the background', draw: streets.city, ...day },
  mountain: { words: 'with a mountain in the background', draw: nature.mountain, ...day },
  'blue-house': { words: 'with a blue house in the background', draw: streets.blueHouse, ...day },
  'purple-rug-in-forest': {
    words: 'on top of a purple rug in a forest',
    draw: nature.purpleRugInForest,
    key: [1, 1, 0.85],
    fill: [0.88, 0.98, 0.9],
  },
  forest: { words: 'in a forest', draw: nature.forest, key: [1, 1, 0.85], fill: [0.85, 1, 0.85] },
  sunset: { words: 'at sunset', draw: nature.sunset, key: [1.15, 0.82, 0.55], fill: [0.9, 0.78, 0.85] },
  desert: { words: 'in the desert', draw: nature.desert, key: [1.08, 0.96, 0.78], fill: [1, 0.95, 0.9] },
  night: { words: 'in a city at night', draw: streets.night, key: [0.95, 0.85, 0.8], fill: [0.6, 0.65, 1.0] },
  garden: { words: 'in a garden', draw: nature.garden, ...day },
  road: { words: 'on a road', draw: streets.road, ...day },
  meadow: { words: 'in a meadow', draw: nature.meadow, ...day },
  space: { words: 'in space', draw: streets.space, key: [1, 1, 1], fill: [0.7, 0.75, 0.95] },
  kitchen: { words: 'in a kitchen', draw: indoors.kitchen, ...room },
  gym: { words: 'at the gym', draw: indoors.gym, key: [0.98, 1, 1], fill: [0.85, 0.9, 1] },
  lecture: { words: 'in front of a blackboard', draw: indoors.lectureHall, ...room },
  office: { words: 'in an office', draw: indoors.office, key: [0.95, 0.98, 1], fill: [0.85, 0.95, 1.1] },
  library: { words: 'in a library', draw: indoors.library, key: [1.04, 0.92, 0.76], fill: [0.95, 0.88, 0.82] },
  'brick-wall': { words: 'in front of a brick wall', draw: indoors.brickWall, ...day },
} as const satisfies Record<string, Backdrop>;
export type BackdropName = keyof typeof backdrops;

/** Draws the place out of focus: at half the resolution, and stretched. */
export function drawBackdrop(canvas: Canvas, scene: Canvas, name: BackdropName, random: Random, colour: ColourName): void {
  backdrops[name].draw(scene, random, namedColours[colour]);
  canvas.cover(scene);
}
