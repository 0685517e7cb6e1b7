/** PhotoMaker's pictures of a person, stacked on the class word: TencentARC/PhotoMaker 060b4fc, photomaker/model.PhotoMakerIDEncoder (v1). */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { linear } from '../layers/basic.ts';
import { fuse } from '../layers/fuse.ts';
import { clipVisionTower, type ClipVisionConfig } from './clip-vision.ts';

/**
 * pixels [B, N, 3, S, S], prompt [B, n, C], marked bool [B, n] → [B, n, C]. The j-th marked token takes in the j-th picture; there
 * must be a picture for each mark. A picture is the class token by two projections: projection_dim and the rest of C.
 */
export function photoMakerIdEncoder(s: Scope, pixels: Tensor, prompt: Tensor, marked: Tensor, config: ClipVisionConfig): Tensor {
  const [batch, pictures, ...picture] = pixels.dims as [number, number, number, number, number];
  const { pooled } = clipVisionTower(s.at('vision_model'), op.reshape(pixels, [batch * pictures, ...picture]), config); // [B·N, hidden]
  const first = linear(s.at('visual_projection'), pooled, config.projection_dim, { bias: false });
  const second = linear(s.at('visual_projection_2'), pooled, prompt.dims[2]! - config.projection_dim, { bias: false });
  const embeds = op.reshape(op.concat([first, second], 1), [batch, pictures, 1, -1]); // [B, N, 1, C]
  const ones = pixels.graph.ints(new Array<number>(batch * pictures).fill(1), [batch, pictures], 'int32');
  return fuse(s.at('fuse_module'), prompt, embeds, marked, op.cast(ones, 'bool'));
}
