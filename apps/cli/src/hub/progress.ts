import type { ProgressLine } from '../progress-line.ts';

const units = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A number of bytes as a person reads it, in powers of a thousand: 1.5 MB. */
export function bytesText(bytes: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}

/** How far several downloads are, as one line: files, bytes and the rate since the start. */
export class DownloadProgress {
  readonly #line: ProgressLine;
  readonly #files: number;
  readonly #total: number;
  readonly #everyMs: number;
  readonly #have = new Map<string, number>();
  readonly #begun = performance.now();
  #already = 0;
  #ended = 0;
  #shown = -Infinity;

  constructor(line: ProgressLine, files: number, total: number, everyMs: number) {
    this.#line = line;
    this.#files = files;
    this.#total = total;
    this.#everyMs = everyMs;
  }

  /** `bytes` of the file are there. What was there at first does not count as speed. */
  have(file: string, bytes: number): void {
    if (!this.#have.has(file)) this.#already += bytes;
    this.#have.set(file, bytes);
    if (performance.now() - this.#shown >= this.#everyMs) this.#show();
  }

  end(file: string, bytes: number): void {
    this.have(file, bytes);
    this.#ended += 1;
    this.#show();
  }

  #show(): void {
    this.#shown = performance.now();
    const bytes = [...this.#have.values()].reduce((n, have) => n + have, 0);
    const rate = Math.max(bytes - this.#already, 0) / Math.max((performance.now() - this.#begun) / 1000, 0.001);
    this.#line.show(
      `file ${Math.min(this.#ended + 1, this.#files)} of ${this.#files}, ${bytesText(bytes)} of ${bytesText(this.#total)}, ${bytesText(rate)}/s`,
    );
  }
}
