import { op, type Tensor } from '@likeness/graph';

/** Every row at unit length: [..., C]. A row of zeros stays one. */
export const unit = (x: Tensor): Tensor => op.div(x, op.max(op.reduceL2(x, [x.dims.length - 1], true), 1e-12));
