/** `likeness dataset`: pictures to train on. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { buildVocabulary, vocabularyFiles } from '@likeness/pipeline';
import { drawDataset } from '@likeness/portraits';
import { textsOf } from '@likeness/training';
import { Command } from 'commander';
import { ProgressLine } from '../progress-line.ts';

interface DrawFlags {
  readonly count: number;
  readonly out: string;
  readonly shots: number;
  readonly seed: number;
  readonly size: number;
  readonly workers: number;
}

export const datasetCommand = () =>
  new Command('dataset').description('pictures to train on').addCommand(drawCommand()).addCommand(vocabularyCommand());

const drawCommand = () =>
  new Command('draw')
    .description('draw people in many scenes, with label maps, landmarks and captions, in the layout of FGID')
    .requiredOption('--count <n>', 'portraits', Number)
    .requiredOption('--out <dir>', 'a new or empty folder')
    .option('--shots <n>', 'portraits of each person', Number, 4)
    .option('--seed <n>', 'the same seed draws the same bytes', Number, 0)
    .option('--size <pixels>', 'of a side, 32 to 1024', Number, 128)
    .option('--workers <n>', 'threads that draw (default: one per core)', Number, availableParallelism())
    .action(async ({ out, ...options }: DrawFlags) => {
      const progress = new ProgressLine(process.stderr);
      const clock = new ProgressClock(performance.now());
      const entries = await drawDataset(resolve(out), {
        ...options,
        onProgress: (done, total) => {
          const line = clock.line(done, total, performance.now());
          if (line !== undefined) progress.show(line);
        },
      });
      progress.end();
      const people = new Set(entries.map(({ identity }) => identity)).size;
      console.log(`${entries.length} portraits of ${people} people in ${resolve(out)}`);
    });

const vocabularyCommand = () =>
  new Command('vocabulary')
    .description('make a byte-pair vocabulary of the words of a data set')
    .argument('<folder>', 'in the layout of FGID')
    .requiredOption('--out <dir>', 'where vocab.json and merges.txt go')
    .option('--size <n>', 'pieces at most', Number, 2048)
    .action(async (folder: string, { out, size }: { out: string; size: number }) => {
      const vocabulary = buildVocabulary(textsOf(resolve(folder)), size);
      await mkdir(out, { recursive: true });
      for (const [name, content] of Object.entries(vocabularyFiles(vocabulary))) await writeFile(join(out, name), content);
      console.log(`${vocabulary.ids.size} pieces in ${resolve(out)}`);
    });

/** At most a line a second, and one at the end. */
class ProgressClock {
  readonly #start: number;
  #last: number;

  constructor(now: number) {
    this.#start = now;
    this.#last = now;
  }

  line(done: number, total: number, now: number): string | undefined {
    if (done < total && now - this.#last < 1000) return undefined;
    this.#last = now;
    const rate = (1000 * done) / Math.max(1, now - this.#start);
    return `drawn ${done}/${total}, ${rate.toFixed(0)} a second, ${Math.ceil((total - done) / rate)} s left`;
  }
}
