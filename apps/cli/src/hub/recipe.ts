/** Recipes: where the files of a pack are published, and on what terms. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { PackError, packName } from '@likeness/models';
import { z } from 'zod';
import { consistentIdSd15 } from './recipes/consistentid-sd15.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** A path that stays in its folder. */
const inside = z.string().regex(/^(?!\/)(?!.*(?:^|\/)\.\.?(?:\/|$))[^\\:]+$/);

const HubFile = z.union([
  inside,
  z.strictObject({
    /** Names under which the file may be published; the first that exists is taken. */
    path: z.union([inside, z.array(inside).min(1)]),
    bytes: z.int().min(0).optional(),
    sha256: sha256.optional(),
    /** May be missing. */
    optional: z.boolean().default(false),
  }),
]);

/** Files of a repository of the hub; `at` is the one, or the folder, that is the part. */
const HubPart = z.strictObject({
  repo: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  revision: z
    .string()
    .regex(/^[\w.-]+$/)
    .default('main'),
  files: z.array(HubFile).min(1),
  at: z.union([inside, z.literal('')]).default(''),
});

/** A file in a zip file of any server. */
const ArchivePart = z.strictObject({ archive: z.url({ protocol: /^https?$/ }), member: inside, sha256 });

const Part = z.union([HubPart, ArchivePart]);

export const Recipe = z.strictObject({
  name: z.string().regex(packName),
  title: z.string(),
  licence: z.string(),
  trained: z.boolean().default(true),
  notes: z.array(z.string()).default([]),
  licences: z.array(
    z.strictObject({
      of: z.string(),
      licence: z.string(),
      url: z.url(),
      /** What it forbids, where it must be accepted knowingly. */
      restriction: z.string().optional(),
    }),
  ),
  parts: z.strictObject({ base: Part, imageEncoder: Part, adapter: Part, parser: Part, detector: Part, recognizer: Part }),
  /** What is known of the archives, by their address. */
  archives: z.record(z.string(), z.strictObject({ bytes: z.int().min(1), sha256 })).default({}),
});
export type Recipe = z.infer<typeof Recipe>;
export type HubPart = z.infer<typeof HubPart>;
export type ArchivePart = z.infer<typeof ArchivePart>;

const recipes: Readonly<Record<string, z.input<typeof Recipe>>> = { [consistentIdSd15.name]: consistentIdSd15 };

/** A recipe of this project by its name, or one in a JSON file. @throws PackError naming the field that is wrong */
export async function loadRecipe(name: string): Promise<Recipe> {
  const own = Object.hasOwn(recipes, name) ? recipes[name] : undefined;
  if (!own && !name.endsWith('.json'))
    throw new PackError(`There is no recipe "${name}". Known are ${Object.keys(recipes).join(', ')}, and files that end with .json.`, {
      recipe: name,
    });
  const parsed = Recipe.safeParse(own ?? (await readRecipe(name)));
  if (parsed.success) return parsed.data;
  throw new PackError(`The recipe ${basename(name)} is malformed:\n${z.prettifyError(parsed.error)}`, { file: name });
}

async function readRecipe(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new PackError(`The recipe ${file} cannot be read: ${(cause as Error).message}`, { file }, { cause });
  }
}
