/** The inference process of a worker: the stages of one pack at a time. Started by `createPipelineHost`. */
import { serveTasks } from '@likeness/inference';
import { openStages, type StageOptions, type Stages } from './stages.ts';
import { pipelineTasks } from './tasks.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as StageOptions;

let opened: { readonly name: string; readonly stages: Promise<Stages> } | undefined;

/** The stages of a pack. The host replaces this process before it asks for another pack; a failed opening is tried again. */
function stagesOf(name: string): Promise<Stages> {
  if (opened?.name !== name) {
    const stages = openStages(name, options);
    stages.catch(() => (opened = undefined));
    opened = { name, stages };
  }
  return opened.stages;
}

serveTasks(pipelineTasks(stagesOf));
