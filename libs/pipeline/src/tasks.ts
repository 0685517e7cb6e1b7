/** The stages as tasks: asked for by name, with a payload that names the pack. They run in an inference process, or wherever else. */
import { InferenceError, TaskPaused, type TaskContext } from '@likeness/inference';
import type { SamplePortraitInput } from './diffusion/sample-portrait.ts';
import type { EmbedIdentityInput } from './embedding/embed-identity.ts';
import { serviceError } from './errors.ts';
import { encodePicture } from './image/encode.ts';
import type { ParseFaceInput } from './parsing/parse-face.ts';
import type { FloatTensor } from './safetensors.ts';
import type { StageName, Stages } from './stages.ts';

interface OfPack {
  readonly pack: string;
}

interface Previews {
  /** About as often, in milliseconds, the progress carries a small JPEG of what there is; 0 or absent: never. */
  readonly previewMs?: number;
}

/** @throws whatever the stages throw, under the codes of the service; TaskPaused as it is */
export function pipelineTasks(stagesOf: (pack: string) => Promise<Stages>) {
  return {
    warmUp: coded(async ({ pack, stage }: OfPack & { readonly stage: StageName }) => (await stagesOf(pack)).warmUp(stage)),
    parseFace: coded(async ({ pack, ...input }: OfPack & ParseFaceInput) => (await stagesOf(pack)).parseFace(input)),
    embedIdentity: coded(async ({ pack, ...input }: OfPack & EmbedIdentityInput) => (await stagesOf(pack)).embedIdentity(input)),
    samplePortrait: coded(
      async ({ pack, previewMs = 0, ...input }: OfPack & Previews & SamplePortraitInput, { progress, signal, pause }: TaskContext) => {
        const stages = await stagesOf(pack);
        let shown = performance.now();
        const onStep = async (step: number, total: number, latents: FloatTensor) => {
          const isDue = previewMs > 0 && performance.now() - shown >= previewMs && latents.data.length > 0;
          if (isDue) shown = performance.now();
          progress({ step, total, ...(isDue && { preview: await encodePicture(await stages.preview(latents), 'jpeg') }) });
        };
        return stages.samplePortrait(input, { onStep, signal, pause });
      },
    ),
  };
}
export type PipelineTasks = ReturnType<typeof pipelineTasks>;

const coded =
  <P, R>(task: (payload: P, context: TaskContext) => Promise<R>) =>
  (payload: P, context: TaskContext): Promise<R> =>
    task(payload, context).catch((error: unknown) => {
      if (error instanceof TaskPaused) throw error;
      const { code, message, detail } = serviceError(error);
      throw new InferenceError(code, message, detail, { cause: error });
    });
