import { openCheckpoint, WeightError } from '@likeness/graph';
import type { Tensor } from '@likeness/inference';
import type { ParityCase } from '../case.ts';
import type { KindRunner } from './kind.ts';

/** Networks and the weight files they are read from. */
export const networkKinds: Readonly<Record<string, KindRunner>> = {
  'checkpoint-read': async (c) => ({ tensors: readAll(c) }),
  'checkpoint-hostile': async (c) => {
    try {
      readAll(c);
    } catch (error) {
      if (error instanceof WeightError && error.code === 'checkpoint_refused') return { result: 'refused' };
      throw error;
    }
    return { result: 'accepted' };
  },
};

function readAll(c: ParityCase): Map<string, Tensor> {
  const file = openCheckpoint(c.file('file'));
  try {
    return new Map(file.keys.map((key) => [key, { dtype: 'float32', dims: file.shape(key)!, data: file.read(key) }]));
  } finally {
    file.close();
  }
}
