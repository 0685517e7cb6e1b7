/**
 * The two face networks: where the faces are, and whose the best one is.
 *
 * Reference: insightface 0.7.3 (668e8d47) `FaceAnalysis`, `RetinaFace.detect`, `ArcFaceONNX`; `get_prepare_faceid` of ConsistentID.
 */
import { float32, floats, type Session } from '@likeness/inference';
import { PipelineError } from '../errors.ts';
import { toPlanar, type Picture } from '../image/picture.ts';
import { asSeen, decodeFaces, detectionInput, type ChannelOrder, type Face } from './face-detection.ts';
import { onnxNodeNames } from './onnx-nodes.ts';

/** What is to be known of a detector beside its graph. */
export interface DetectorOptions {
  /** Of its input, where the graph leaves it open; default 640 × 640. */
  readonly size?: readonly [width: number, height: number];
  /** See `DecodeOptions`. */
  readonly anchors?: number;
}

export interface DetectOptions extends DetectorOptions {
  readonly channelOrder: ChannelOrder;
  readonly scoreThreshold?: number;
  readonly overlapThreshold?: number;
}

/** Faces by falling score; the first is the one ConsistentID takes, whatever its size. */
export async function detectFaces(
  detector: Session,
  picture: Picture,
  { size, channelOrder, ...decoding }: DetectOptions,
): Promise<Face[]> {
  const port = soleInput(detector, 'detector');
  const [, , height, width] = port.dims;
  const fixed = typeof width === 'number' && typeof height === 'number' && width > 0 && height > 0 ? ([width, height] as const) : undefined;
  const input = detectionInput(picture, { size: fixed ?? size ?? [640, 640], channelOrder });
  const results = await detector.run({ [port.name]: float32([1, 3, input.height, input.width], input.blob) });
  const outputs = detector.outputs.map(({ name }) => ({ dims: results[name]!.dims, data: floats(results[name]!, name) }));
  return decodeFaces(outputs, { ...input, ...decoding });
}

/** What the recogniser's pixels are scaled by. */
export interface RecognitionScaling {
  readonly mean: number;
  readonly std: number;
}

/** Old recognisers normalise inside their graph: a subtraction and a multiplication among its first eight nodes. */
export function recognitionScaling(model: Uint8Array): RecognitionScaling {
  const names = onnxNodeNames(model, 8);
  const has = (...prefixes: string[]) => names.some((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  return has('Sub', '_minus') && has('Mul', '_mul') ? { mean: 0, std: 1 } : { mean: 127.5, std: 127.5 };
}

/** The embedding of an aligned crop (112 × 112 RGB), of length 1: float32 [F]. */
export async function recogniseFace(
  recogniser: Session,
  crop: Picture,
  { mean, std }: RecognitionScaling,
  channelOrder: ChannelOrder,
): Promise<Float32Array> {
  const port = soleInput(recogniser, 'recogniser');
  const pixels = toPlanar(asSeen(crop, channelOrder), { scale: 1, mean: [mean, mean, mean], std: [std, std, std] });
  const results = await recogniser.run({ [port.name]: float32([1, 3, crop.height, crop.width], pixels) });
  const [output] = recogniser.outputs;
  if (!output) throw new PipelineError('model_unusable', 'The recogniser has no output.');
  return normalized(floats(results[output.name]!, output.name));
}

/** x / ‖x‖₂ */
export function normalized(values: Float32Array): Float32Array {
  const length = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  return values.map((x) => x / length);
}

function soleInput(session: Session, what: string) {
  const [port, ...others] = session.inputs;
  if (port && others.length === 0) return port;
  throw new PipelineError('model_unusable', `The ${what} must have one input, it has ${session.inputs.length}.`, {
    inputs: session.inputs.map(({ name }) => name),
  });
}
