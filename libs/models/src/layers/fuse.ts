/**
 * Pictures mixed into words: mit-han-lab/fastcomposer b9304a2, fastcomposer/model.FastComposerPostfuseModule. PhotoMaker and
 * ConsistentID have taken the class over as FuseModule.
 */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { layerNorm, linear } from './basic.ts';

/**
 * Mixes the j-th valid picture of the batch into the j-th marked token of the batch; other tokens stay as they are.
 * text [B, n, C], pictures [B, R, 1, C], marked bool [B, n], valid bool [B, R] → [B, n, C]. Pictures beyond the marks are ignored;
 * the caller sees to it that every mark has a picture.
 */
export function fuse(s: Scope, text: Tensor, pictures: Tensor, marked: Tensor, valid: Tensor): Tensor {
  const width = text.dims[2]!;
  const tokens = op.reshape(text, [-1, width]); // [B·n, C]
  const pairs = op.and(op.equal(rank(marked, [-1, 1]), rank(valid, [1, -1])), op.and(flat(marked, [-1, 1]), flat(valid, [1, -1])));
  const chosen = op.matmul(op.cast(pairs, 'float32'), op.reshape(pictures, [-1, width])); // [B·n, C], each row one picture or zero

  // Every token is computed and the unmarked ones dropped: shapes stay static, and 77 rows cost nothing.
  let y = op.add(mlp(s.at('mlp1'), op.concat([tokens, chosen], 1), width), tokens);
  y = op.add(mlp(s.at('mlp2'), y, width), y);
  y = layerNorm(s.at('layer_norm'), y);
  const paired = op.where(flat(marked, [-1, 1]), y, tokens);
  return op.reshape(paired, text.dims); // [B, n, C]
}

function mlp(s: Scope, x: Tensor, width: number): Tensor {
  return linear(s.at('fc2'), op.gelu(linear(s.at('fc1'), layerNorm(s.at('layernorm'), x), width)), width);
}

const flat = (mask: Tensor, dims: readonly number[]): Tensor => op.reshape(mask, dims);

/** How many are set up to each place, in flattened order. */
const rank = (mask: Tensor, dims: readonly number[]): Tensor =>
  op.reshape(op.cumulativeSum(op.cast(op.reshape(mask, [-1]), 'int32'), 0), dims);
