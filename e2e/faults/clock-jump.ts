/**
 * Preloaded into every process of a fault run: SIGUSR2 makes it read how many milliseconds its wall clock shall be off by, from a file
 * named for its process id. Timers go on as they were, as they do when a machine's clock is set.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.env['LIKENESS_FAULTS_CLOCKS'];
const RealDate = Date;
const realNow = Date.now;
let shift = 0;

class ShiftedDate extends RealDate {
  constructor(...args: readonly unknown[]) {
    if (args.length === 0) super(realNow() + shift);
    else super(...(args as [number]));
  }

  static override now(): number {
    return realNow() + shift;
  }
}

if (folder !== undefined) {
  process.on('SIGUSR2', () => {
    shift = Number(readFileSync(join(folder, String(process.pid)), 'utf8'));
    globalThis.Date = ShiftedDate as DateConstructor;
  });
}
