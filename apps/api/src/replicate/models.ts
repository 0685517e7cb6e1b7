/** Packs as Replicate's models: the pack `sketch` is `likeness/sketch`, with one version, the one that is installed. */
import {
  LikenessError,
  MODEL_OWNER,
  PredictionInput,
  versionIdOf,
  type Model,
  type ModelVersion,
  type PackSummary,
} from '@likeness/contracts';
import { z } from 'zod';
import { refused } from '../http/contract.ts';
import type { InstalledPack, Packs } from '../packs.ts';

/** @throws LikenessError `not_found` */
export function packOfModel(packs: Packs, owner: string, name: string): InstalledPack {
  const pack = owner === MODEL_OWNER ? packs.get(name) : undefined;
  if (!pack) throw new LikenessError('not_found', `There is no such model; there are ${modelsOf(packs)}.`);
  return pack;
}

/**
 * What clients and people write as a version: its id, `owner/name:version`, `owner/name`, or the name of a pack.
 * @throws LikenessError `validation_failed`
 */
export function packOfVersion(packs: Packs, version: string): InstalledPack {
  const name = version.startsWith(`${MODEL_OWNER}/`) ? version.slice(MODEL_OWNER.length + 1) : version;
  for (const pack of packs.values()) {
    const { name: model } = pack;
    if ([model, versionIdOf(pack), `${model}:${versionIdOf(pack)}`, `${model}:${pack.version}`].includes(name)) return pack;
  }
  const versions = [...packs.values()].map(versionIdOf).sort().join(', ');
  throw refused([{ pointer: '/version', detail: `must be a version of ${modelsOf(packs)}, such as ${versions}` }]);
}

const modelsOf = (packs: Packs): string =>
  [...packs.keys()]
    .map((name) => `${MODEL_OWNER}/${name}`)
    .sort()
    .join(', ');

export function presentModel(pack: InstalledPack, publicUrl: string): Model {
  return {
    url: `${publicUrl}/v1/models/${MODEL_OWNER}/${pack.name}`,
    owner: MODEL_OWNER,
    name: pack.name,
    description: pack.title,
    visibility: 'private',
    github_url: null,
    paper_url: null,
    license_url: null,
    cover_image_url: null,
    run_count: 0,
    default_example: null,
    latest_version: presentVersion(pack),
  };
}

/** Whose schemas ours are like. Python's client takes a list of an older one (before 0.3.9) for something that is still being made. */
const COG_VERSION = '0.9.0';

export function presentVersion(pack: InstalledPack): ModelVersion {
  return {
    id: versionIdOf(pack),
    created_at: pack.installedAt.toISOString(),
    cog_version: COG_VERSION,
    openapi_schema: schemaOf(pack),
  };
}

const Input = z.strictObject(PredictionInput.shape).meta({ id: 'Input', title: 'Input' });
const Output = z.array(z.url()).meta({ id: 'Output', title: 'Output', description: 'one signed link for each picture' });

/** The contract's schemas where Replicate's clients and forms look for them, with the pack's own defaults. */
function schemaOf({ title, version, defaults }: PackSummary): Record<string, unknown> {
  const given: Readonly<Record<string, unknown>> = { ...defaults, num_inference_steps: defaults.steps, num_images: 1, num_outputs: 1 };
  const { $defs = {} } = z.toJSONSchema(z.object({ Input, Output }), { io: 'input' });
  const properties = Object.entries($defs['Input']?.properties ?? {}).map(([name, schema], i): [string, unknown] => {
    const fallback = given[name] === undefined ? {} : { default: given[name] };
    return [name, { ...Object(schema), 'x-order': i, ...fallback }];
  });
  const schemas = { ...$defs, Input: { ...$defs['Input'], properties: Object.fromEntries(properties) } };
  const located = JSON.stringify(schemas).replaceAll('"#/$defs/', '"#/components/schemas/');
  return { openapi: '3.1.0', info: { title, version }, paths: {}, components: { schemas: JSON.parse(located) as unknown } };
}

/** Models whose name or description has every word. */
export function searchModels(packs: Packs, query: string): InstalledPack[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return [...packs.values()].filter(({ name, title }) =>
    words.every((word) => `${MODEL_OWNER}/${name} ${title}`.toLowerCase().includes(word)),
  );
}
