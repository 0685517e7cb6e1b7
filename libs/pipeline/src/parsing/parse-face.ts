/** Stage 1: reference photo → the aligned face, a label map, and the pictures of single facial regions. */
import { float32, type Session } from '@likeness/inference';
import type { Corrections } from '../corrections.ts';
import { PipelineError } from '../errors.ts';
import { decodePicture } from '../image/decode.ts';
import { encodePicture } from '../image/encode.ts';
import { blankPicture, cropPicture, toRgb, type Picture } from '../image/picture.ts';
import { resizePillow } from '../image/resize.ts';
import type { ParsingModels } from '../model-set.ts';
import { facialRegions as regionsOfPart, type FacialRegion } from '../options.ts';
import { detectFaces } from './face-analysis.ts';
import { alignFace } from './face-alignment.ts';
import type { ChannelOrder, Face } from './face-detection.ts';
import { faceParsingPixels } from './face-parsing.ts';
import { extractRegions, type LabelMap } from './region-masks.ts';
import type { RegionName } from './regions.ts';

export interface ParseFaceInput {
  /** The file as uploaded. */
  readonly reference: Uint8Array;
  readonly facialRegions: readonly FacialRegion[];
  readonly corrections?: Corrections | undefined;
}

export interface Detection {
  /** x1, y1, x2, y2 in pixels of the picture as it is shown. */
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  readonly landmarks: readonly number[];
}

export type ParseWarning = 'no_face_detector' | 'no_face_detected' | 'multiple_faces';

export interface ParsedFace {
  /** PNG, 112 × 112: upright, as the recogniser wants it; black where there is none. */
  readonly face: Uint8Array;
  /** False only with the correction `continue_without_face`. */
  readonly hasFace: boolean;
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
export async function parseFace(
  models: ParsingModels,
  { reference, facialRegions, corrections = [] }: ParseFaceInput,
): Promise<ParsedFace> {
  const picture = toRgb(await decodePicture(reference));
  const { face, detection, warnings } = await findFace(models, picture, corrections);
  const labels = await labelPixels(await models.parser(), picture, models.parserSize);
  const wanted = new Set<RegionName>(facialRegions.flatMap((part) => regionsOfPart[part]));
  const pairs = corrections.includes('union_paired_regions') ? 'union' : 'first';
  const regions = extractRegions(labels, picture, { pairs }).filter(({ name }) => wanted.has(name));
  return {
    face: await encodePicture(face ?? blankPicture(112, 112), 'png'),
    hasFace: face !== null,
    labelMap: await encodePicture({ ...labels, channels: 1 }, 'png'),
    regions: await Promise.all(regions.map(async ({ name, image }) => ({ name, png: await encodePicture(image, 'png') }))),
    detection,
    warnings,
  };
}

interface FoundFace {
  /** Upright, 112 × 112. */
  readonly face: Picture | null;
  readonly detection: Detection | null;
  readonly warnings: ParseWarning[];
}

/** The face of the highest detection score, or the largest. Without a detector: the centred square of the picture. */
export async function findFace(models: ParsingModels, picture: Picture, corrections: Corrections = []): Promise<FoundFace> {
  const detector = await models.detector();
  if (!detector) return { face: centredSquare(picture, 112), detection: null, warnings: ['no_face_detector'] };
  const { session, options } = detector;
  const faces = await detectFaces(session, picture, { ...options, channelOrder: channelOrderOf(models, corrections) });
  const best = corrections.includes('largest_face') ? faces.toSorted((a, b) => area(b) - area(a))[0] : faces[0];
  if (!best && corrections.includes('continue_without_face')) return { face: null, detection: null, warnings: ['no_face_detected'] };
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

/** How the face networks see a picture's channels. */
export const channelOrderOf = (models: { readonly channelOrder: ChannelOrder }, corrections: Corrections): ChannelOrder =>
  corrections.includes('bgr_faces') ? 'bgr' : models.channelOrder;

const area = ({ box: [x1, y1, x2, y2] }: Face) => (x2 - x1) * (y2 - y1);

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
