/** How long the stages take once the models are loaded: medians of whole generations, one after another. */
import type { Stages } from '@likeness/pipeline';
import { method } from '../conditions.ts';
import { median } from '../metrics/vectors.ts';
import type { PortraitMaker } from '../portrait-maker.ts';
import type { Prompt } from '../prompts.ts';
import type { Subject } from '../subjects.ts';

export interface Speed {
  readonly runs: number;
  readonly steps: number;
  /** Seconds, medians; their sum need not be that of the whole. */
  readonly parse: number;
  readonly embed: number;
  /** With the prompt's rows and the decoder. */
  readonly sample: number;
  readonly total: number;
}

/** One more run comes first and is not counted. */
export async function measureSpeed(
  stages: Stages,
  maker: PortraitMaker,
  { subject, prompt, runs }: { subject: Subject; prompt: Prompt; runs: number },
): Promise<Speed> {
  const options = maker.optionsOf(subject, prompt, method);
  const { reference } = subject;
  const taken: { parse: number; embed: number; sample: number; total: number }[] = [];
  for (let run = 0; run <= runs; run++) {
    const begun = performance.now();
    const { face, hasFace, regions } = await stages.parseFace({ reference, facialRegions: options.facialRegions });
    const parsed = performance.now();
    const { identity } = await stages.embedIdentity({ reference, face: hasFace ? face : null, regions });
    const embedded = performance.now();
    await stages.samplePortrait({ ...options, identity });
    const sampled = performance.now();
    taken.push({ parse: parsed - begun, embed: embedded - parsed, sample: sampled - embedded, total: sampled - begun });
  }
  const medianOf = (stage: keyof (typeof taken)[number]) => median(taken.slice(1).map((run) => run[stage])) / 1000;
  return {
    runs,
    steps: options.steps,
    parse: medianOf('parse'),
    embed: medianOf('embed'),
    sample: medianOf('sample'),
    total: medianOf('total'),
  };
}
