/** How well label maps agree, over all pixels of all pictures. */
export class Confusion {
  readonly classes: number;
  /** [truth][found], pixels. */
  readonly counts: Float64Array;

  constructor(classes: number) {
    this.classes = classes;
    this.counts = new Float64Array(classes * classes);
  }

  add(truth: ArrayLike<number>, found: ArrayLike<number>): void {
    if (truth.length !== found.length) throw new RangeError(`Label maps of ${truth.length} and ${found.length} pixels cannot be compared.`);
    for (let i = 0; i < truth.length; i++) this.counts[truth[i]! * this.classes + found[i]!]! += 1;
  }

  /** Intersection over union of every class; null for one that is in no map. */
  iou(): (number | null)[] {
    return Array.from({ length: this.classes }, (_, c) => {
      let union = -this.counts[c * this.classes + c]!;
      for (let other = 0; other < this.classes; other++)
        union += this.counts[c * this.classes + other]! + this.counts[other * this.classes + c]!;
      return union === 0 ? null : this.counts[c * this.classes + c]! / union;
    });
  }

  /** Over the classes that there are. */
  meanIou(): number {
    const present = this.iou().filter((iou) => iou !== null);
    return present.reduce((sum, iou) => sum + iou, 0) / present.length;
  }
}
