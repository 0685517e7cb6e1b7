/**
 * Area under the ROC curve: the chance that a pair of the same person has a higher score than a pair of two people, ties counted half
 * (the statistic of Mann and Whitney). 1 is perfect, ½ is guessing, NaN where one of the lists is empty.
 */
export function rocAuc(same: readonly number[], other: readonly number[]): number {
  const all = [...same.map((score) => ({ score, isSame: true })), ...other.map((score) => ({ score, isSame: false }))];
  all.sort((a, b) => a.score - b.score);
  let [ranks, from] = [0, 0];
  while (from < all.length) {
    let to = from + 1;
    while (to < all.length && all[to]!.score === all[from]!.score) to++;
    const rank = (from + 1 + to) / 2; // of all that tie
    for (let i = from; i < to; i++) if (all[i]!.isSame) ranks += rank;
    from = to;
  }
  return (ranks - (same.length * (same.length + 1)) / 2) / (same.length * other.length);
}
