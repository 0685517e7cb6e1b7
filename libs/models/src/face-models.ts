/** The face networks of others: ONNX files that are run as they are, once they have been looked at. */
import { readOnnx, type OnnxModel } from '@likeness/graph';
import { PackError } from './errors.ts';

/** SCRFD: a picture in, per stride the scores, boxes and landmarks out. @throws WeightError for a file that cannot be trusted, PackError for another network */
export function readDetector(file: string): OnnxModel {
  const model = readOnnx(file);
  const [, , ...sides] = pictureInput('face detector', model);
  if (sides.some((side) => side !== null && side > 0 && (side % 32 !== 0 || side > 4096)))
    throw unsuitable(model, 'face detector', `takes pictures of ${sides.join(' × ')}, not of a multiple of 32 up to 4096`);
  // an export may leave the last axis open, so only their number can be held to: three for each of three or five strides
  if (model.outputs.length !== 9 && model.outputs.length !== 15)
    throw unsuitable(model, 'face detector', `has ${model.outputs.length} outputs; with landmarks it has 9 or 15`);
  return model;
}

/** ArcFace: an aligned face in, its embedding out. @throws WeightError for a file that cannot be trusted, PackError for another network */
export function readRecognizer(file: string): OnnxModel {
  const model = readOnnx(file);
  const [, , ...sides] = pictureInput('face recogniser', model);
  if (sides.some((side) => side !== null && side > 0 && side !== 112))
    throw unsuitable(model, 'face recogniser', `takes pictures of ${sides.join(' × ')}, not of 112 × 112`);
  const [output, ...others] = model.outputs;
  if (!output || others.length > 0)
    throw unsuitable(model, 'face recogniser', `has the outputs ${shown(model.outputs)}; an embedding is [1, F]`);
  return model;
}

/** [N, 3, H, W]; 0 stands for an open dimension in some files. */
function pictureInput(what: string, model: OnnxModel): readonly (number | null)[] {
  const { inputs } = model;
  const [input, ...others] = inputs;
  const channels = input?.dims[1];
  if (!input || others.length > 0 || input.dims.length !== 4 || (channels !== null && channels !== 0 && channels !== 3))
    throw unsuitable(model, what, `has the inputs ${shown(inputs)}; a picture is [1, 3, H, W]`);
  return input.dims;
}

const shown = (ports: OnnxModel['inputs']) =>
  ports
    .slice(0, 16)
    .map(({ name, dims }) => `${name} [${dims.map((d) => d ?? '?').join(', ')}]`)
    .join(', ') || 'none';
const unsuitable = ({ path }: OnnxModel, what: string, why: string) => new PackError(`${path} is no ${what}: it ${why}.`, { file: path });
