import { cosine, mean } from './vectors.ts';

/** Features of the facial regions of one picture, by the part of the face. */
export type RegionFeatures = ReadonlyMap<string, ArrayLike<number>>;

/** FGIS of two pictures: mean cosine over the regions that both show; null where they share none. */
export function regionSimilarity(a: RegionFeatures, b: RegionFeatures): number | null {
  const shared = [...a.keys()].filter((part) => b.has(part));
  return shared.length === 0 ? null : mean(shared.map((part) => cosine(a.get(part)!, b.get(part)!)));
}
