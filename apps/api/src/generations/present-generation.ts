/** A generation as its API object. Links to pictures are made here, at read time; stored state holds keys only. */
import { artifactPathOf, isTerminal, type Generation } from '@likeness/contracts';
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
    progress: progressOf(view),
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
    metadata,
    usage: { gpu_seconds: view.gpu_seconds, images: view.images },
    timings_ms: timingsOf(view),
    cache: { parse: false, embed: false },
    urls: { get: url, cancel: `${url}/cancel` },
  };
}

function progressOf({ progress, status }: GenerationView): Generation['progress'] {
  if (progress === null || isTerminal(status)) return null;
  const { step, total } = progress;
  return { step, total, percent: total > 0 ? Math.min(100, Math.round((step / total) * 1000) / 10) : 0, preview_url: null };
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
