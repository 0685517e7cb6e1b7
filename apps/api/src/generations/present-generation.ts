/** A generation as its API object. Links to pictures are made here, at read time; stored state holds keys only. */
import { artifactPathOf, isTerminal, type Generation, type GenerationProgress, type GenerationState } from '@likeness/contracts';
import type { Signer } from '@likeness/platform/links';
import type { Parts } from '../parts.ts';
import type { GenerationView } from './generations.store.ts';

export const generationUrl = (publicUrl: string, id: string): string => `${publicUrl}/v1/generations/${id}`;

/** `pace` is the seconds from one start to the next in the queue of new generations. */
export function presentGeneration(view: GenerationView, { config, signer }: Pick<Parts, 'config' | 'signer'>, pace: number): Generation {
  const time = (date: Date | null): string | null => date?.toISOString() ?? null;
  const url = generationUrl(config.PUBLIC_URL, view.id);
  const { id, status, stage, sequence, error, warnings, attempt, pack, priority, metadata, data_removed } = view;
  return {
    id,
    object: 'generation',
    status,
    stage: status === 'processing' ? stage : null,
    sequence,
    queue: view.position === null ? null : { position: view.position, eta_seconds: Math.round(view.position * pace * 10) / 10 },
    progress: progressOf(signer, view, isTerminal(status)),
    input: data_removed ? null : view.input,
    output:
      status !== 'succeeded' || data_removed
        ? null
        : view.output.map(({ detail, ...artifact }) => ({
            ...artifact,
            ...detail,
            url: signer.sign('GET', artifactPathOf(artifact.id), config.ARTIFACT_URL_SECONDS).url,
          })),
    error,
    warnings,
    attempt,
    pack,
    priority,
    cancel_requested_at: time(view.cancel_requested_at),
    deadline_at: time(view.deadline_at),
    created_at: view.created_at.toISOString(),
    started_at: time(view.started_at),
    completed_at: time(view.completed_at),
    expires_at: time(view.expires_at),
    data_removed,
    retry_of: view.retry_of,
    batch: view.batch_id && { id: view.batch_id, custom_id: view.custom_id ?? '' },
    metadata,
    usage: { gpu_seconds: view.gpu_seconds, images: view.images },
    timings_ms: timingsOf(view),
    cache: view.cache,
    urls: { get: url, cancel: `${url}/cancel`, events: `${url}/events` },
  };
}

type StateRow = Pick<GenerationView, 'id' | 'status' | 'stage' | 'sequence' | 'progress'>;

/** What a generation was at one of its events; `now` is what has become of it since. */
export function presentState({ signer }: Pick<Parts, 'signer'>, event: StateRow, now: Pick<GenerationView, 'status'>): GenerationState {
  const { id, status, stage, sequence } = event;
  return {
    id,
    status,
    stage: status === 'processing' ? stage : null,
    sequence,
    progress: progressOf(signer, event, isTerminal(now.status)),
  };
}

/** Previews are looked at while they come, and are gone at the end. */
const PREVIEW_URL_SECONDS = 300;

/** The step makes the link a new one with every picture. */
export const previewPathOf = (id: string, step: number | string): string => `/v1/generations/${id}/previews/${step}`;

function progressOf(signer: Signer, { id, progress }: Pick<StateRow, 'id' | 'progress'>, over: boolean): GenerationProgress | null {
  if (progress === null) return null;
  const { step, total, preview } = progress;
  return {
    step,
    total,
    percent: total > 0 ? Math.min(100, Math.round((step / total) * 1000) / 10) : 0,
    preview_url: preview === undefined || over ? null : signer.sign('GET', previewPathOf(id, step), PREVIEW_URL_SECONDS).url,
  };
}

function timingsOf({ created_at, started_at, stage_ms }: GenerationView): Generation['timings_ms'] {
  const rounded = (ms: number | undefined) => (ms === undefined ? null : Math.round(ms * 10) / 10);
  return {
    queued: started_at && started_at.getTime() - created_at.getTime(),
    parse: rounded(stage_ms['parse']),
    embed: rounded(stage_ms['embed']),
    sample: rounded(stage_ms['sample']),
  };
}
