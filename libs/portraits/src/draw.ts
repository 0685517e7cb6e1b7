/** A person and a shot → the portrait with everything that is known about it. */
import { captionOf, facialSentenceOf } from './caption.ts';
import { Canvas } from './canvas/canvas.ts';
import { hex, mix, times } from './canvas/colour.ts';
import { wholeNumber } from './errors.ts';
import { drawEars, drawNeck, Trunk } from './person/body.ts';
import { coloursOf, type Colours } from './person/colours.ts';
import { drawFace } from './person/face.ts';
import { drawFacialHair, drawHair, drawHairBehind } from './person/hair.ts';
import { Head } from './person/head.ts';
import type { Identity } from './person/identity.ts';
import { Illumination } from './person/light.ts';
import { mouthHeight } from './person/relief.ts';
import { Random } from './random.ts';
import { actions } from './scene/actions.ts';
import { backdrops, drawBackdrop } from './scene/backdrops.ts';
import type { Shot } from './shot.ts';
import { styles, type Style } from './style/styles.ts';
import { drawClothing } from './wear/clothing.ts';
import { drawEarrings, drawEyewear } from './wear/eyewear.ts';
import { drawHat } from './wear/hats.ts';
import { drawNecklace, drawScarf } from './wear/neckwear.ts';

/** Pixels of a side: below the least no eye is a pixel, above the most a drawing takes seconds. */
export const LEAST_SIZE = 32;
export const MOST_SIZE = 1024;

/** Pixels of the drawing per pixel of the portrait, along a side. */
const SUPERSAMPLING = 2;

export interface Portrait {
  /** Of the square, in pixels. */
  readonly size: number;
  /** RGB, row-major. */
  readonly pixels: Uint8Array;
  /** A class of `labels` per pixel. */
  readonly labels: Uint8Array;
  /** x and y in pixels of the left eye, the right eye, the tip of the nose and the left and right corners of the mouth (left in the picture): ArcFace's order. */
  readonly landmarks: Float32Array;
  readonly caption: string;
  readonly facialSentence: string;
}

export interface DrawOptions {
  /** Default: 128. */
  readonly size?: number;
}

/** Draws a portrait. The same arguments give the same bytes. @throws PortraitError `invalid_argument` for the size */
export function drawPortrait(identity: Identity, shot: Shot, { size = 128 }: DrawOptions = {}): Portrait {
  wholeNumber('size', size, LEAST_SIZE, MOST_SIZE);
  const canvas = new Canvas(size * SUPERSAMPLING);
  const random = new Random(shot.seed);
  const place = backdrops[shot.backdrop];
  const contrast = shot.style === 'marble-sculpture' ? 0.85 : shot.light.contrast;
  const light = new Illumination({ ...shot.light, contrast, key: place.key, fill: place.fill });
  const head = new Head(identity, shot);
  drawBackdrop(canvas, new Canvas(size), shot.backdrop, random, shot.backdropColour);
  drawPerson(canvas, head, shot, light);
  if (shot.action) {
    const { skin } = coloursOf(identity);
    actions[shot.action].draw({ canvas, skin, light, random, side: shot.side });
  }
  const style: Style = styles[shot.style];
  if (!style.finished) style.apply(canvas, random);
  const portrait = canvas.reduce(SUPERSAMPLING);
  if (style.finished) style.apply(portrait, random);
  return {
    size,
    pixels: portrait.pixels(),
    labels: portrait.labels,
    landmarks: landmarksOf(head, shot, size),
    caption: captionOf(identity, shot),
    facialSentence: facialSentenceOf(identity),
  };
}

function drawPerson(canvas: Canvas, head: Head, shot: Shot, light: Illumination): void {
  const stone = shot.style === 'marble-sculpture';
  const colours = stone ? stoneColours : coloursOf(head.identity);
  const { seed, expression, gaze, hat } = shot;
  const trunk = new Trunk(head);
  const body = { canvas, head, skin: colours.skin, light };
  const hair = { canvas, head, colours, light, covered: hat !== undefined && hat.kind !== 'space-helmet' };
  const folds = seed % 97;

  drawHairBehind(hair);
  drawNeck(body);
  drawClothing(canvas, trunk, light, stone ? { garment: 'dress', colour: 'white' } : shot.dress, folds);
  if (shot.necklace) drawNecklace(canvas, trunk, light, shot.necklace === 'gold');
  if (shot.scarf) drawScarf(canvas, trunk, light, shot.scarf, folds);
  drawEars(body);
  const face = drawFace({ canvas, head, colours, expression, gaze, light, blank: stone });
  drawFacialHair(hair, face, expression);
  drawHair(hair, face);
  if (shot.earrings) drawEarrings(canvas, head, shot.earrings);
  if (shot.glasses) drawEyewear(canvas, head, shot.glasses);
  if (hat) drawHat(canvas, head, light, hat, folds, face);
}

const marble = hex('#e6e2da');
const stoneColours: Colours = {
  skin: marble,
  flush: times(marble, [0.94, 0.92, 0.9]),
  lips: times(marble, [0.8, 0.78, 0.77]),
  hair: mix(marble, [0.4, 0.4, 0.4], 0.35),
  brows: times(marble, [0.6, 0.6, 0.6]),
  iris: marble,
};

function landmarksOf(head: Head, { expression }: Shot, size: number): Float32Array {
  const { eyeSpacing, noseLength, lipWidth } = head.identity;
  const mouth = mouthHeight(head.identity) - 0.075 * expression.smile;
  const corner = lipWidth * (1 + 0.2 * Math.max(0, expression.smile) - 0.1 * expression.mouthOpen);
  const places = [
    head.onFace(-eyeSpacing, -0.008),
    head.onFace(eyeSpacing, -0.008),
    head.at(0, noseLength - 0.03, head.depth(0, noseLength - 0.03) + 0.14),
    head.onFace(-corner, mouth),
    head.onFace(corner, mouth),
  ];
  return Float32Array.from(places.flat(), (x) => x * size);
}
