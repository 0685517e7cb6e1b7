/** How fast people are drawn, in this process: milliseconds a portrait, scenarios and free shots in turn. */
import { drawPortrait, sampleOf } from '@likeness/portraits';
import type { Benchmark } from './benchmark.ts';

/** Enough for the compiler to have seen every scene. */
const WARM_UP = 60;
/** A run is the mean over these, so that no run is all stencils. */
const BATCH = 20;

export const portraits: Benchmark = async (_, { runs, size }) => {
  const side = size?.width ?? 128;
  let person = 0;
  const draw = () => {
    const { identity, shot } = sampleOf(1, person++, 0);
    drawPortrait(identity, shot, { size: side });
  };
  for (let i = 0; i < WARM_UP; i++) draw();
  const processor: number[] = [];
  const times = Array.from({ length: runs }, () => {
    const [begun, used] = [performance.now(), process.cpuUsage()];
    for (let i = 0; i < BATCH; i++) draw();
    const { user, system } = process.cpuUsage(used);
    processor.push((user + system) / 1000 / BATCH);
    return (performance.now() - begun) / BATCH;
  });
  return { runs: times, unit: 'ms', parameters: { size: side, batch: BATCH }, parts: { processor } };
};
