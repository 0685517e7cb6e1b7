/** How a worker starts its inference process. */
import { InferenceHost, type InferenceHostOptions } from '@likeness/inference';
import type { PipelineTasks } from './tasks.ts';
import type { StageName, StageOptions } from './stages.ts';

export interface PipelineHostOptions extends StageOptions, Omit<InferenceHostOptions, 'entry' | 'args' | 'execArgv' | 'warmUp'> {
  /** What to load before the process counts as ready. */
  readonly warm?: { readonly pack: string; readonly stage: StageName };
}

/** Call `run(task, { pack, … }, { model: pack, … })` on it: naming the pack as the model replaces the process when the pack changes. */
export function createPipelineHost({
  warm,
  packDirs,
  device,
  threads,
  precision,
  weightsFolder,
  ...options
}: PipelineHostOptions = {}): InferenceHost<PipelineTasks> {
  const fromSource = import.meta.url.endsWith('.ts');
  const settings: StageOptions = { packDirs, device, threads, precision, weightsFolder };
  return new InferenceHost<PipelineTasks>({
    ...options,
    entry: new URL(fromSource ? './child.ts' : './child.js', import.meta.url),
    args: [JSON.stringify(settings)],
    execArgv: fromSource ? ['--conditions=source'] : [],
    ...(warm && { warmUp: { task: 'warmUp', payload: warm } }),
  });
}
