/** What frozen networks make of pictures, kept in one file as float16: read in no time and in any order. */
import { openSync, readSync, writeSync } from 'node:fs';
import { makeFile } from './make-file.ts';

export class FeatureFile {
  /** Numbers of a record. */
  readonly length: number;
  readonly #descriptor: number;

  private constructor(path: string, length: number) {
    this.length = length;
    this.#descriptor = openSync(path, 'r');
  }

  /** `render` gives the numbers of each record, unless the file is there already: its name says what it is made of. */
  static async make(
    path: string,
    { count, length, render, onProgress }: {
      readonly count: number;
      readonly length: number;
      readonly render: (index: number) => Promise<Float32Array>;
      readonly onProgress: (done: number, total: number) => void;
    }, // prettier-ignore
  ): Promise<FeatureFile> {
    await makeFile(path, async (descriptor) => {
      for (let index = 0; index < count; index++) {
        writeSync(descriptor, new Float16Array(await render(index)), 0, length * 2, index * length * 2);
        onProgress(index + 1, count);
      }
    });
    return new FeatureFile(path, length);
  }

  read(index: number): Float16Array<ArrayBuffer> {
    const numbers = new Float16Array(this.length);
    readSync(this.#descriptor, numbers, 0, this.length * 2, index * this.length * 2);
    return numbers;
  }
}
