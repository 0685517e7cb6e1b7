import { TrainingError } from '../errors.ts';
import type { Random } from '../random.ts';

/** How the first values of a tensor are drawn. */
type Distribution = { readonly constant: number } | { readonly uniform: number } | { readonly normal: number };

/** Every input of a layer with these weights: [out, in, …] → in·…. */
const fanIn = (shape: readonly number[]): number => shape.slice(1).reduce((n, d) => n * d, 1);

/** Keys that say by themselves what they hold; the first match counts. */
const rules: readonly (readonly [RegExp, (shape: readonly number[]) => Distribution])[] = [
  [/(^|\.)(running_mean|num_batches_tracked)$/, () => ({ constant: 0 })],
  [/(^|\.)running_var$/, () => ({ constant: 1 })],
  [/(^|\.)logit_scale$/, () => ({ constant: Math.log(1 / 0.07) })], // CLIP
  [/lora\.down\.weight$/, ([rank]) => ({ normal: 1 / rank! })], // diffusers' LoRALinearLayer
  [/lora\.up\.weight$/, () => ({ constant: 0 })],
  [/prelu\d*\.weight$/, () => ({ constant: 0.25 })],
  [/(token|position)_embedding\.weight$|(^|\.)class_embedding$/, () => ({ normal: 0.02 })],
  [/(^|\.)latents$/, (shape) => ({ normal: shape.at(-1)! ** -0.5 })], // the queries of a resampler
];

/**
 * The first values of a parameter by its key and shape, as torch sets them: weights of linear layers and convolutions uniform within
 * 1/√fan_in (`kaiming_uniform_` with a = √5), so their biases; norms 1 and 0. `weightShape` is the shape of the weight a bias stands beside.
 * @throws TrainingError `initial_value_unknown`
 */
export function initialValues(
  key: string,
  shape: readonly number[],
  weightShape: readonly number[] | undefined,
  random: Random,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
  const distribution = distributionOf(key, shape, weightShape);
  if ('constant' in distribution) return values.fill(distribution.constant);
  if ('normal' in distribution) return random.normals(values.length, distribution.normal);
  for (let i = 0; i < values.length; i++) values[i] = random.uniform(-distribution.uniform, distribution.uniform);
  return values;
}

function distributionOf(key: string, shape: readonly number[], weightShape: readonly number[] | undefined): Distribution {
  const rule = rules.find(([pattern]) => pattern.test(key));
  if (rule) return rule[1](shape);
  if (/(^|\.)weight$/.test(key)) return shape.length > 1 ? { uniform: fanIn(shape) ** -0.5 } : { constant: 1 };
  if (/(^|\.)bias$/.test(key)) return weightShape && weightShape.length > 1 ? { uniform: fanIn(weightShape) ** -0.5 } : { constant: 0 };
  throw new TrainingError(
    'initial_value_unknown',
    `"${key}" [${shape.join(', ')}] has no rule for its first values: give it stored ones, or end its key in weight or bias.`,
    { key, shape },
  );
}
