interface Embedded {
  readonly subject: number;
  readonly embedding: Float32Array;
}

/** The probability that two faces of one subject are more alike (cosine) than two of different subjects, over all pairs; equals count half. */
export function areaUnderRoc(faces: readonly Embedded[]): number {
  const unit = faces.map(({ subject, embedding }) => {
    const length = Math.hypot(...embedding);
    return { subject, embedding: embedding.map((x) => x / length) };
  });
  const pairs: { alike: number; same: boolean }[] = [];
  for (const [i, a] of unit.entries())
    for (const b of unit.slice(i + 1))
      pairs.push({ alike: a.embedding.reduce((sum, x, k) => sum + x * b.embedding[k]!, 0), same: a.subject === b.subject });
  pairs.sort((a, b) => a.alike - b.alike);

  // Mann and Whitney: the ranks of the pairs of one subject, equal ones sharing theirs.
  let [ranks, same] = [0, 0];
  for (let begin = 0; begin < pairs.length;) {
    let end = begin;
    while (end < pairs.length && pairs[end]!.alike === pairs[begin]!.alike) end += 1;
    const positive = pairs.slice(begin, end).filter((pair) => pair.same).length;
    ranks += (positive * (begin + 1 + end)) / 2;
    same += positive;
    begin = end;
  }
  return (ranks - (same * (same + 1)) / 2) / (same * (pairs.length - same));
}
