import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export type Row = Readonly<Record<string, number>>;

/** Numbers by step in a CSV file, written as they come. The first column is `step`; the first row says which others there are. */
export class Table {
  readonly rows: Row[];
  readonly #file: string;
  #columns: readonly string[] | undefined;
  #unwritten: string[] = [];

  /** Goes on with the file after `step`: later rows, of a run that was cut, are dropped. After step 0 the file begins anew. */
  constructor(file: string, step: number) {
    this.#file = file;
    const [head, ...lines] = step > 0 && existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    this.#columns = head ? head.split(',') : undefined; // the file is empty where a run was cut before its first row
    this.rows = lines.map((line) => this.#parse(line)).filter((row) => row['step']! <= step);
    const kept = this.#columns ? [this.#columns.join(','), ...this.rows.map((row) => this.#line(row)), ''] : [];
    writeFileSync(`${file}.partial`, kept.join('\n'));
    renameSync(`${file}.partial`, file);
  }

  add(row: Row): void {
    if (!this.#columns) {
      this.#columns = Object.keys(row);
      this.#unwritten.push(this.#columns.join(','));
    }
    this.rows.push(row);
    this.#unwritten.push(this.#line(row));
  }

  /** Brings to the file what came since the last time. */
  flush(): void {
    if (this.#unwritten.length > 0) appendFileSync(this.#file, `${this.#unwritten.join('\n')}\n`);
    this.#unwritten = [];
  }

  #parse(line: string): Row {
    const cells = line.split(',');
    return Object.fromEntries(this.#columns!.map((name, i) => [name, Number(cells[i])]));
  }

  #line(row: Row): string {
    return this.#columns!.map((name) => String(row[name] ?? NaN)).join(',');
  }
}
