/**
 * Bytes between the stages, encrypted under the data key of the generation or its subject. An object's key carries the attempt that
 * wrote it, so that a worker that lost its lease cannot touch what another one writes; it exists for others only once a completed
 * stage points at it.
 */
import { createHash } from 'node:crypto';
import { LikenessError, newId } from '@likeness/contracts';
import { exec, sql, type Db } from '@likeness/platform/db';
import { ObjectMissing, type SealedStore, type WrappedKey } from '@likeness/platform/storage';
import type { ClaimedStage, KeptArtifact } from './generation.ts';
import { artifactKey } from './object-keys.ts';

export interface NewArtifact {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface LoadedArtifact {
  readonly bytes: Uint8Array;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Writes one object of a stage. */
export async function writeArtifact(
  store: SealedStore,
  stage: ClaimedStage,
  name: string,
  index: number,
  { bytes, contentType, detail = {} }: NewArtifact,
): Promise<KeptArtifact> {
  const object_key = artifactKey(stage, name, index);
  await store.put(object_key, bytes, { contentType, dataKey: stage.data_key });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { data_key_id } = stage;
  return { id: newId('artifact'), name, index, object_key, data_key_id, content_type: contentType, size: bytes.length, sha256, detail };
}

/** The artifacts of a name that the stages before this one have left, in order. */
export const loadArtifacts = (db: Db, store: SealedStore, stage: ClaimedStage, name: string): Promise<LoadedArtifact[]> =>
  Promise.all(
    stage.artifacts
      .filter((artifact) => artifact.name === name)
      .map(async ({ object_key, data_key, detail }) => {
        const reading = readObject(store, object_key, data_key);
        const bytes = await reading.catch(async (error: unknown) => {
          if ((error as Error).cause instanceof ObjectMissing) await forgetResult(db, stage, object_key);
          throw error;
        });
        return { bytes, detail };
      }),
  );

/**
 * A result that has lost an object must not be found again: the subject's next generation makes it anew. What an erasure has taken is
 * the erasure's to remove and to count.
 */
const forgetResult = (db: Db, { tenant_id, subject_id }: ClaimedStage, key: string): Promise<number> =>
  exec(
    db,
    sql`DELETE FROM cache_entry WHERE tenant_id = ${tenant_id} AND subject_id = ${subject_id}
           AND artifacts @> jsonb_build_array(jsonb_build_object('object_key', ${key}::text))
           AND EXISTS (SELECT FROM data_key WHERE data_key.id = cache_entry.subject_id)`,
  );

/** @throws LikenessError `storage_unavailable`, also when a row points at an object that is not there, or whose data key is not */
export async function readObject(store: SealedStore, key: string, dataKey: WrappedKey | null): Promise<Uint8Array> {
  try {
    return await store.get(key, dataKey);
  } catch (error) {
    if (!(error instanceof ObjectMissing)) throw error;
    throw new LikenessError('storage_unavailable', `The object ${key} is not in the store.`, { cause: error });
  }
}
