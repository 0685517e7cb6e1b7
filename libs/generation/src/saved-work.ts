/** What a stage that was paused leaves to whoever goes on: one object, written as artifacts are, and a pointer to it on the stage's row. */
import { createHash } from 'node:crypto';
import type { Logger } from '@likeness/platform/telemetry';
import { readObject, writeArtifact } from './artifacts.ts';
import type { ClaimedStage, SavedWork } from './generation.ts';
import type { StageParts } from './run-stage.ts';

export async function saveWork(store: StageParts['store'], stage: ClaimedStage, bytes: Uint8Array, gpuSeconds: number): Promise<SavedWork> {
  const contentType = 'application/octet-stream';
  const { object_key, sha256 } = await writeArtifact(store, stage, 'resume', 0, { bytes, contentType });
  return { object_key, sha256, gpu_seconds: gpuSeconds };
}

/** Null: there is none, or it cannot be used. The stage then begins anew, which is always right. */
export async function loadSavedWork(
  store: StageParts['store'],
  { resume, data_key }: ClaimedStage,
  log: Logger,
): Promise<Uint8Array | null> {
  if (!resume) return null;
  try {
    const bytes = await readObject(store, resume.object_key, data_key);
    if (createHash('sha256').update(bytes).digest('hex') === resume.sha256) return bytes;
    log.warn({ object_key: resume.object_key }, 'what an earlier attempt had saved is damaged: the stage begins anew');
  } catch (error) {
    log.warn({ err: error }, 'what an earlier attempt had saved cannot be read: the stage begins anew');
  }
  return null;
}
