/**
 * ConsistentID's checkpoint in every form in which it is found, under the names of the published SD1.5 file: `FacialEncoder.…`,
 * `image_proj.…` and `adapter_modules.{i}.…`. Reference: JackAILab/ConsistentID e234008, train.py, evaluation/convert_weights.py.
 */
import { renamed, WeightError, type WeightSource } from '@likeness/graph';

const parts = /^(FacialEncoder|image_proj|adapter_modules)\./;
/** An adapter under the name of the attention it belongs to. */
const processor = /^unet\.((?:down_blocks|up_blocks|mid_block)\..+\.attn[12]\.processor)\.(.+)$/;

/**
 * - SDXL's file and those of the training script say `image_proj_model`.
 * - A dump of the training run has the frozen UNet, too, which is left out: the base has it. The adapters stand in it twice, numbered and
 *   under their attention's name; where tied tensors were written once, only the latter.
 * @throws WeightError `weight_unused` for a key that belongs to no part
 */
export function consistentIdWeights(source: WeightSource): WeightSource {
  const { keys } = source;
  if (!keys) return source;
  const numbers = keys.some((key) => key.startsWith('adapter_modules.')) ? new Map<string, number>() : processorNumbers(keys);
  const rename = (key: string): string => {
    const [, path = '', rest = ''] = processor.exec(key) ?? [];
    return numbers.has(path) ? `adapter_modules.${numbers.get(path)}.${rest}` : key.replace(/^image_proj_model\./, 'image_proj.');
  };
  const wanted = keys.filter((key) => !key.startsWith('unet.') || rename(key) !== key);
  const stray = wanted.filter((key) => !parts.test(rename(key)));
  if (stray.length > 0) {
    const shown = stray
      .slice(0, 8)
      .map((key) => `"${key}"`)
      .join(', ');
    throw new WeightError('weight_unused', `${source.name}: ${stray.length} tensors belong to no part of ConsistentID: ${shown}.`);
  }
  return renamed(source, wanted, rename);
}

/** Adapters are numbered as the reference registers attentions: the blocks down, up, and the middle one last. */
function processorNumbers(keys: readonly string[]): Map<string, number> {
  const paths = new Set(keys.flatMap((key) => processor.exec(key)?.[1] ?? []));
  const order = (path: string) => [['down', 'up', 'mid'].indexOf(path.split('_')[0]!), ...(path.match(/\d+/g) ?? []).map(Number)];
  const sorted = [...paths].map((path) => ({ path, at: order(path) })).sort((a, b) => compare(a.at, b.at));
  return new Map(sorted.map(({ path }, i) => [path, i]));
}

function compare(a: readonly number[], b: readonly number[]): number {
  const i = a.findIndex((n, at) => n !== b[at]);
  return i < 0 ? 0 : a[i]! - (b[i] ?? -1);
}
