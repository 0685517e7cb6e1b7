/** A network of its own, which the pipeline does not use: a picture → the numbers of the person in it, as `identityVector` orders them. */
import { float32, type Session } from '@likeness/inference';
import { faceRecognitionGraph, iresnetConfig, iresnetConfigOf, openWeights, type ConsistentIdPack } from '@likeness/models';
import { outputOf, resizePillow, toPlanar, type Picture } from '@likeness/pipeline';
import { identityVectorNames } from '@likeness/portraits';
import { EvaluationError } from '../errors.ts';
import { loadNetwork, type LoadOptions } from './network.ts';

/** Side of its input: it sees the whole picture, because hair and ears are outside an aligned face. */
const SIDE = 112;

export class AttributeRegressor {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async recover(picture: Picture): Promise<Float32Array> {
    const scaling = { scale: 1, mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] } as const;
    const pixels = toPlanar(resizePillow(picture, SIDE, SIDE, 'bilinear'), scaling);
    return outputOf(await this.#session.run({ image: float32([1, 3, SIDE, SIDE], pixels) }), 'embedding').data;
  }

  release = () => this.#session.release();
}

/** @throws EvaluationError `measure_unavailable` when the pack has none, or one of other people */
export async function openAttributeRegressor(pack: ConsistentIdPack, options: LoadOptions): Promise<AttributeRegressor> {
  const { name, attribute_regressor: source } = pack.manifest;
  const unavailable = (what: string) =>
    new EvaluationError('measure_unavailable', `The pack ${name} has no attribute regressor${what}.`, {
      pack: name,
      network: 'attribute regressor',
    });
  if (!source) throw unavailable('');
  const weights = openWeights(pack, source);
  const config = 'file' in source ? iresnetConfigOf(weights) : iresnetConfig(source.config);
  const wanted = identityVectorNames.length;
  if (config.num_features !== wanted)
    throw unavailable(` of the people drawn here: it gives ${config.num_features} numbers, they have ${wanted}`);
  return new AttributeRegressor(await loadNetwork(faceRecognitionGraph(weights, config), options));
}
