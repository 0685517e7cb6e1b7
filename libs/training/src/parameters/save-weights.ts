import { withoutPrefix, writeSafetensors, type WeightSource } from '@likeness/graph';

/** Writes a finite source, or the network of it that stands below `path`, under the model's own keys: a checkpoint as any other. */
export function saveWeights(
  file: string,
  weights: WeightSource,
  { path = '', type = 'F32' }: { path?: string; type?: 'F32' | 'F16' } = {},
): void {
  const source = path === '' ? weights : withoutPrefix(weights, `${path}.`);
  const tensors = (source.keys ?? []).map((key) => {
    const shape = source.shape(key)!;
    return [key, { shape, values: source.read(key, shape) }] as const;
  });
  writeSafetensors(file, new Map(tensors), type);
}
