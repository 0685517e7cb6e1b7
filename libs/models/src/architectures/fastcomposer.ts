/** Subjects mixed into the words that name them: mit-han-lab/fastcomposer b9304a2, fastcomposer/model.FastComposerPostfuseModule. */
import { op, type Scope, type Tensor } from '@likeness/graph';
import { fuse } from '../layers/fuse.ts';

/**
 * text [B, n, C], objects [B, N, 1, C], marked bool [B, n], count int64 [B] → [B, n, C]. Only the first `count` objects of a row are
 * used, and there must be as many as marks in the batch.
 */
export function fastComposerPostfuse(s: Scope, text: Tensor, objects: Tensor, marked: Tensor, count: Tensor): Tensor {
  const [batch, slots] = objects.dims as [number, number];
  const index = text.graph.ints(Array.from({ length: slots }, (_, k) => k), [1, slots]); // prettier-ignore
  return fuse(s, text, objects, marked, op.less(index, op.reshape(count, [batch, 1])));
}
