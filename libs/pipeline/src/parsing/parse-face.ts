/** Stage 1: reference photo → the aligned face, a label map, and the pictures of single facial regions. */
import { float32, type Session } from '@likeness/inference';
import { PipelineError } from '../errors.ts';
import { decodePicture } from '../image/decode.ts';
import { encodePicture } from '../image/encode.ts';
import { cropPicture, toRgb, type Picture } from '../image/picture.ts';
import { resizePillow } from '../image/resize.ts';
import type { ParsingModels } from '../model-set.ts';
import { facialRegions as regionsOfPart, type FacialRegion } from '../options.ts';
import { detectFaces } from './face-analysis.ts';
import { alignFace } from './face-alignment.ts';
import { faceParsingPixels } from './face-parsing.ts';
import { extractRegions, type LabelMap } from './region-masks.ts';
import type { RegionName } from './regions.ts';

export interface ParseFaceInput {
  /** The file as uploaded. */
  readonly reference: Uint8Array;
  readonly facialRegions: readonly FacialRegion[];
}

export interface Detection {
  /** x1, y1, x2, y2 in pixels of the picture as it is shown. */
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  readonly landmarks: readonly number[];
}

export type ParseWarning = 'no_face_detector' | 'multiple_faces';

export interface ParsedFace {
  /** PNG, 112 × 112: upright, as the recogniser wants it. */
  readonly face: Uint8Array;
  /** PNG, grey: the class id of every pixel. */
  readonly labelMap: Uint8Array;
  /** At most five, in ascending class order. PNGs of the reference's size, black outside the region. */
  readonly regions: readonly { readonly name: RegionName; readonly png: Uint8Array }[];
  readonly detection: Detection | null;
  readonly warnings: readonly ParseWarning[];
}

/**
 * @throws PipelineError `image_unreadable`, `image_too_small`, and `no_face_detected` when the pack has a detector and it finds none
 */
export async function parseFace(models: ParsingModels, { reference, facialRegions }: ParseFaceInput): Promise<ParsedFace> {
  const picture = toRgb(await decodePicture(reference));
  const { face, detection, warnings } = await findFace(models, picture);
  const labels = await labelPixels(await models.parser(), picture, models.parserSize);
  const wanted = new Set<RegionName>(facialRegions.flatMap((part) => regionsOfPart[part]));
  const regions = extractRegions(labels, picture).filter(({ name }) => wanted.has(name));
  return {
    face: await encodePicture(face, 'png'),
    labelMap: await encodePicture({ ...labels, channels: 1 }, 'png'),
    regions: await Promise.all(regions.map(async ({ name, image }) => ({ name, png: await encodePicture(image, 'png') }))),
    detection,
    warnings,
  };
}

interface FoundFace {
  readonly face: Picture;
  readonly detection: Detection | null;
  readonly warnings: ParseWarning[];
}

/** The face of the highest detection score, upright. Without a detector: the centred square of the picture. */
export async function findFace(models: ParsingModels, picture: Picture): Promise<FoundFace> {
  const detector = await models.detector();
  if (!detector) return { face: centredSquare(picture, 112), detection: null, warnings: ['no_face_detector'] };
  const faces = await detectFaces(detector, picture, { channelOrder: models.channelOrder });
  const [best] = faces;
  if (!best)
    throw new PipelineError('no_face_detected', 'No face was found in the reference picture.', {
      width: picture.width,
      height: picture.height,
    });
  const { box, score, landmarks } = best;
  return {
    face: alignFace(picture, landmarks),
    detection: { box, score, landmarks: Array.from(landmarks) },
    warnings: faces.length > 1 ? ['multiple_faces'] : [],
  };
}

/** The likeliest of the 19 classes for every pixel of the picture, which is squeezed to size × size. */
export async function labelPixels(parser: Session, picture: Picture, size: number): Promise<LabelMap> {
  const { labels } = await parser.run({ image: float32([1, 3, size, size], faceParsingPixels(picture, { size })) }); // [1, size, size]
  if (labels?.dtype !== 'uint8')
    throw new PipelineError('model_unusable', `The face parser's labels must be uint8, they are ${labels?.dtype}.`);
  return { width: size, height: size, data: labels.data };
}

function centredSquare(picture: Picture, size: number): Picture {
  const side = Math.min(picture.width, picture.height);
  const square = cropPicture(picture, Math.floor((picture.width - side) / 2), Math.floor((picture.height - side) / 2), side, side);
  return resizePillow(square, size, size, 'bicubic');
}
