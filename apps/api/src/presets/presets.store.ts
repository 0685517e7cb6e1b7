/** A tenant's own presets are rows; those that are shipped are version 1 of their names for everyone. */
import { isId, newId, PresetInput, preview, type CreatePreset, type Preset, type PresetId, type TenantId } from '@likeness/contracts';
import { empty, json, many, one, sql, type Db } from '@likeness/platform/db';
import { z } from 'zod';
import { refused } from '../http/contract.ts';
import { scenarioPresets } from './scenario-presets.ts';

const Row = z.object({
  id: z.custom<PresetId>(),
  name: z.string(),
  version: z.number(),
  category: z.custom<Preset['category']>(),
  input: PresetInput,
  created_at: z.date(),
});
const toPreset = ({ created_at, ...row }: z.infer<typeof Row>): Preset => ({
  ...row,
  object: 'preset',
  created_at: created_at.toISOString(),
});

/** By id, by `name@version`, or the newest of a name. Null when there is none. */
export async function findPreset(db: Db, tenantId: TenantId, ref: string): Promise<Preset | null> {
  const shipped = scenarioPresets.find(({ id, name }) => [id, name, `${name}@1`].includes(ref));
  const [name = '', version] = ref.split('@');
  const which = isId('preset', ref)
    ? sql`id = ${ref}`
    : sql`name = ${name} ${version === undefined ? empty : sql`AND version::text = ${version}`}`;
  const own = await one(db, Row, sql`SELECT * FROM preset WHERE tenant_id = ${tenantId} AND ${which} ORDER BY version DESC LIMIT 1`);
  return own ? toPreset(own) : (shipped ?? null);
}

/** Finds what an input names. @throws LikenessError `validation_failed` */
export type PresetFinder = (ref: string) => Promise<Preset>;

/** Asks once for each, however many items of a batch name it. */
export function createPresetFinder(db: Db, tenantId: TenantId): PresetFinder {
  const asked = new Map<string, Promise<Preset | null>>();
  return async (ref) => {
    const finding = asked.get(ref) ?? findPreset(db, tenantId, ref);
    asked.set(ref, finding);
    const preset = await finding;
    if (!preset) throw refused([{ pointer: '/input/preset', detail: `must be a preset that GET /v1/presets knows; got ${preview(ref)}` }]);
    return preset;
  };
}

/** The next version of the name. Of those that make one at the same moment, each gets its own. */
export async function createPreset(db: Db, tenantId: TenantId, { name, category = null, input }: CreatePreset): Promise<Preset> {
  const shipped = scenarioPresets.some((preset) => preset.name === name) ? 1 : 0;
  for (;;) {
    const made = await one(
      db,
      Row,
      sql`
      INSERT INTO preset (id, tenant_id, name, version, category, input)
      SELECT ${newId('preset')}, ${tenantId}, ${name}, 1 + coalesce(max(version), ${shipped}::int), ${category}, ${json(input)}::jsonb
        FROM preset WHERE tenant_id = ${tenantId} AND name = ${name}
          ON CONFLICT (tenant_id, name, version) DO NOTHING
      RETURNING *`,
    );
    if (made) return toPreset(made);
  }
}

export interface PresetFilter {
  readonly name: string | undefined;
  readonly category: Preset['category'] | undefined;
  /** The last of the page before. */
  readonly after: PresetId | undefined;
  readonly limit: number;
}

/** The tenant's own, newest first; then what is shipped, in its order. */
export async function listPresets(db: Db, tenantId: TenantId, { name, category, after, limit }: PresetFilter): Promise<Preset[]> {
  const place = scenarioPresets.findIndex(({ id }) => id === after);
  const wanted = (preset: Preset) => (name ?? preset.name) === preset.name && (category ?? preset.category) === preset.category;
  const shipped = scenarioPresets.slice(place + 1).filter(wanted);
  if (place >= 0) return shipped.slice(0, limit);
  const own = await many(
    db,
    Row,
    sql`
    SELECT * FROM preset WHERE tenant_id = ${tenantId}
      ${after === undefined ? empty : sql`AND id < ${after}`}
      ${name === undefined ? empty : sql`AND name = ${name}`}
      ${category === undefined ? empty : sql`AND category = ${category}`}
     ORDER BY id DESC LIMIT ${limit}`,
  );
  return [...own.map(toPreset), ...shipped].slice(0, limit);
}
