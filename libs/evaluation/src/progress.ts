export interface Progress {
  readonly what: 'references' | 'pictures' | 'drawings' | 'networks' | 'speed';
  readonly done: number;
  readonly total: number;
  /** Of pictures that had to be made: how many there were, and how long one took on average. */
  readonly made: number;
  readonly secondsEach: number | null;
}

/** Counts what has been done, and how long the pictures took that had to be made. */
export class Reporter {
  readonly #report: (progress: Progress) => void;
  #expected = 0;
  #pictures = 0;
  #made = 0;
  #milliseconds = 0;

  constructor(report: (progress: Progress) => void = () => {}) {
    this.#report = report;
  }

  expect(pictures: number): void {
    this.#expected = pictures;
  }

  /** One more, which took so long; 0: it was there. */
  picture(milliseconds: number): void {
    this.#pictures += 1;
    if (milliseconds > 0) {
      this.#made += 1;
      this.#milliseconds += milliseconds;
    }
    this.show('pictures', this.#pictures, this.#expected);
  }

  show(what: Progress['what'], done: number, total: number): void {
    const secondsEach = this.#made > 0 ? this.#milliseconds / this.#made / 1000 : null;
    this.#report({ what, done, total, made: this.#made, secondsEach });
  }
}
