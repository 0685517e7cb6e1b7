/**
 * What parse and embed have found in a subject's reference, used again by its next generations. The key is an HMAC under a key of the
 * tenant, so that a row tells nothing of the picture, and the entries of two tenants can never meet.
 */
import { IDENTITY_CORRECTIONS, newId } from '@likeness/contracts';
import { one, sql, type Db } from '@likeness/platform/db';
import type { Vault } from '@likeness/platform/storage';
import { z } from 'zod';
import { flow } from './flow.ts';
import type { ClaimedStage, KeptArtifact } from './generation.ts';

/** How a stage that may be reused is looked up, and what was there. */
export interface Reuse {
  readonly key: Uint8Array;
  readonly subject_id: string;
  readonly found: { readonly artifacts: readonly KeptArtifact[]; readonly warnings: readonly string[] } | null;
}

const Entry = z.object({ artifacts: z.array(z.custom<KeptArtifact>()), warnings: z.array(z.string()) });

/** Null for a stage whose result is nobody else's. */
export async function lookUp(db: Db, vault: Vault, stage: ClaimedStage): Promise<Reuse | null> {
  const { subject_id, tenant_id, reference_sha256, pack, input, name } = stage;
  if (subject_id === null || reference_sha256 === null || !flow[name].reusable) return null;
  const regions = [...input.facial_regions].sort();
  const corrections = IDENTITY_CORRECTIONS.filter((each) => input.corrections?.includes(each)); // those of the prompt change nothing here
  const key = vault.fingerprint(
    tenant_id,
    JSON.stringify([subject_id, reference_sha256, pack.name, pack.version, regions, name, ...corrections]),
  );
  const entry = await one(
    db,
    Entry,
    sql`SELECT artifacts, warnings FROM cache_entry WHERE tenant_id = ${tenant_id} AND key = ${key} AND subject_id = ${subject_id}`,
  );
  const found = entry && { ...entry, artifacts: entry.artifacts.map((artifact) => ({ ...artifact, id: newId('artifact') })) };
  return { key, subject_id, found };
}
