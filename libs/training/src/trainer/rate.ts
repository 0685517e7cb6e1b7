/** How fast the last steps were. */
const remembered = 50;

/** The pace of a training, over its last steps. */
export class Rate {
  readonly #batch: number;
  #steps: { milliseconds: number; waited: number }[] = [];

  constructor(batch: number) {
    this.#batch = batch;
  }

  add(milliseconds: number, waited: number): void {
    this.#steps.push({ milliseconds, waited });
    this.#steps = this.#steps.slice(-remembered);
  }

  /** Examples. */
  get perSecond(): number {
    return this.#batch / this.#secondsPerStep;
  }

  /** Share of the time in which the step waited for its batch. */
  get waiting(): number {
    return this.#total('waited') / this.#total('milliseconds');
  }

  /** Seconds for so many steps. */
  remaining(steps: number): number {
    return steps * this.#secondsPerStep;
  }

  get #secondsPerStep(): number {
    return this.#total('milliseconds') / this.#steps.length / 1000;
  }

  #total(of: 'milliseconds' | 'waited'): number {
    return this.#steps.reduce((sum, step) => sum + step[of], 0);
  }
}
