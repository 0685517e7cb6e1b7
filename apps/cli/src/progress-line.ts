import type { WriteStream } from 'node:tty';

/** Progress on a stream: one line that is rewritten on a terminal, a line each where the output is kept. */
export class ProgressLine {
  readonly #stream: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY'>>;
  #dirty = false;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  show(text: string): void {
    this.#stream.write(this.#stream.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
    this.#dirty = true;
  }

  /** Clears the line on a terminal. */
  end(): void {
    if (this.#dirty && this.#stream.isTTY) this.#stream.write('\r\u001b[K');
    this.#dirty = false;
  }
}
