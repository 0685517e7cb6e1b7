/**
 * ConsistentID in one process, from a photo and a prompt to portraits. Read this first: everything the service does around it
 * (queues, artifacts, workers) only moves the values that pass between these three calls.
 *
 *   reference ─► parseFace ─► face, regions ─► embedIdentity ─► identity ─► (prompt) samplePortrait ─► images
 */
import type { EmbeddedIdentity } from './embedding/embed-identity.ts';
import type { GeneratedImage } from './diffusion/sample-portrait.ts';
import { resolveOptions, type GenerationOptions, type GenerationRequest } from './options.ts';
import type { ParsedFace } from './parsing/parse-face.ts';
import type { StageName, Stages } from './stages.ts';

export interface GenerateHooks {
  readonly onStage?: (stage: StageName) => void;
  /** Denoising steps, counted from 1 over all images. */
  readonly onStep?: (step: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface Generation {
  /** The request with every default filled in. */
  readonly options: GenerationOptions;
  readonly parsed: ParsedFace;
  readonly embedded: EmbeddedIdentity;
  readonly images: readonly GeneratedImage[];
}

/** @throws PipelineError, PackError and InferenceError with a `code`; the signal's reason when it is aborted */
export async function generatePortraits(
  stages: Stages,
  reference: Uint8Array,
  request: GenerationRequest,
  { onStage, onStep, signal }: GenerateHooks = {},
): Promise<Generation> {
  const options = resolveOptions(stages.pack, request);

  onStage?.('parse');
  const parsed = await stages.parseFace({ reference, facialRegions: options.facialRegions, corrections: options.corrections });
  signal?.throwIfAborted();

  onStage?.('embed');
  const embedded = await stages.embedIdentity({
    reference,
    face: parsed.hasFace ? parsed.face : null,
    regions: parsed.regions,
    corrections: options.corrections,
  });
  signal?.throwIfAborted();

  onStage?.('sample');
  const hooks = { ...(onStep && { onStep }), ...(signal && { signal }) };
  const { images } = await stages.samplePortrait({ ...options, identity: embedded.identity }, hooks);
  return { options, parsed, embedded, images };
}
