/** The inference process of a worker: the stages of one pack at a time, asked for by name. Started by `createPipelineHost`. */
import { InferenceError, serveTasks, TaskPaused, type TaskContext } from '@likeness/inference';
import { previewPicture } from './diffusion/preview.ts';
import type { SamplePortraitInput } from './diffusion/sample-portrait.ts';
import type { EmbedIdentityInput } from './embedding/embed-identity.ts';
import { serviceError } from './errors.ts';
import { encodePicture } from './image/encode.ts';
import type { ParseFaceInput } from './parsing/parse-face.ts';
import type { FloatTensor } from './safetensors.ts';
import { openStages, type StageName, type StageOptions, type Stages } from './stages.ts';

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

interface OfPack {
  readonly pack: string;
}

interface Previews {
  /** About as often, in milliseconds, the progress carries a small JPEG of what there is; 0 or absent: never. */
  readonly previewMs?: number;
}

const tasks = {
  warmUp: async ({ pack, stage }: OfPack & { readonly stage: StageName }): Promise<void> => (await stagesOf(pack)).warmUp(stage),
  parseFace: async ({ pack, ...input }: OfPack & ParseFaceInput) => (await stagesOf(pack)).parseFace(input),
  embedIdentity: async ({ pack, ...input }: OfPack & EmbedIdentityInput) => (await stagesOf(pack)).embedIdentity(input),
  samplePortrait: async (
    { pack, previewMs = 0, ...input }: OfPack & Previews & SamplePortraitInput,
    { progress, signal, pause }: TaskContext,
  ) => {
    let shown = performance.now();
    const onStep = async (step: number, total: number, latents: FloatTensor) => {
      const preview = previewMs > 0 && performance.now() - shown >= previewMs && latents.data.length > 0;
      if (preview) shown = performance.now();
      progress({ step, total, ...(preview && { preview: await encodePicture(previewPicture(latents), 'jpeg') }) });
    };
    return (await stagesOf(pack)).samplePortrait(input, { onStep, signal, pause });
  },
};
export type PipelineTasks = typeof tasks;

/** What leaves this process carries the codes of the service. */
const withServiceErrors =
  <P, R>(task: (payload: P, context: TaskContext) => Promise<R>) =>
  (payload: P, context: TaskContext): Promise<R> =>
    task(payload, context).catch((error: unknown) => {
      if (error instanceof TaskPaused) throw error;
      const { code, message, detail } = serviceError(error);
      throw new InferenceError(code, message, detail, { cause: error });
    });

serveTasks({
  warmUp: withServiceErrors(tasks.warmUp),
  parseFace: withServiceErrors(tasks.parseFace),
  embedIdentity: withServiceErrors(tasks.embedIdentity),
  samplePortrait: withServiceErrors(tasks.samplePortrait),
});
