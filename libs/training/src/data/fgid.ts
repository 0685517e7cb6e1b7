/** Data in the layout of ConsistentID's FGID (JackAILab/ConsistentID e234008, data/): a folder of pictures, label maps and JSON. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { TrainingError } from '../errors.ts';

export interface FgidRecord {
  /** The picture, by its absolute path. */
  readonly picture: string;
  /** Its label map: 8 bits a pixel, 0 to 18. */
  readonly labels: string | undefined;
  /** What is to be seen. */
  readonly caption: string | undefined;
  /** The features of the face. */
  readonly facialCaption: string | undefined;
  /** Whatever else its JSON says. */
  readonly more: Readonly<Record<string, unknown>>;
}

/** As the scripts write it and the training code reads it; the README's older names stand beside. */
const Entry = z
  .looseObject({
    resize_IMG: z.string().optional(),
    origin_IMG: z.string().optional(),
    IMG: z.string().optional(),
    parsing_mask_IMG: z.string().optional(),
    vqa_llva: z.string().optional(),
    vqa_llva_more_face_detail: z.string().optional(),
    vqa_llva_facial: z.string().optional(),
  })
  .refine((entry) => entry.resize_IMG ?? entry.origin_IMG ?? entry.IMG, 'names no picture (resize_IMG, origin_IMG or IMG)');

/**
 * The records of a folder: those of `JSON_all.json`, else of `FGID_JSON/**`, in the order of their names. Paths count from the folder.
 * @throws TrainingError `dataset_invalid`: no records, a malformed one, a file that is not there
 */
export function readFgid(folder: string): FgidRecord[] {
  const root = resolve(folder);
  const all = join(root, 'JSON_all.json');
  const files = existsSync(all) ? [all] : globSync('FGID_JSON/**/*.json', { cwd: root }).toSorted().map((file) => join(root, file)); // prettier-ignore
  const records = files.flatMap((file) =>
    [readJson(file)].flat().map((entry, i) => recordOf(entry, root, `${relative(root, file)}[${i}]`)),
  );
  if (records.length === 0) {
    const message = `${root} holds no pictures: it has neither JSON_all.json nor FGID_JSON with entries. \`likeness dataset draw\` makes such a folder.`;
    throw new TrainingError('dataset_invalid', message, { folder: root });
  }
  return records;
}

function recordOf(value: unknown, root: string, where: string): FgidRecord {
  const parsed = Entry.safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new TrainingError('dataset_invalid', `${root}: ${[where, ...path].join('.')} ${message}.`, { folder: root, entry: where });
  }
  const { resize_IMG, origin_IMG, IMG, parsing_mask_IMG, vqa_llva, vqa_llva_more_face_detail, vqa_llva_facial, ...more } = parsed.data;
  const found = (path: string) => {
    const file = resolve(root, path);
    if (!existsSync(file)) throw new TrainingError('dataset_invalid', `${root}: ${where} names ${path}, which is not there.`, { file });
    return file;
  };
  return {
    picture: found((resize_IMG ?? origin_IMG ?? IMG)!),
    labels: parsing_mask_IMG === undefined ? undefined : found(parsing_mask_IMG),
    caption: vqa_llva,
    facialCaption: vqa_llva_more_face_detail ?? vqa_llva_facial,
    more,
  };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new TrainingError('dataset_invalid', `${file} is no JSON: ${(cause as Error).message}`, { file }, { cause });
  }
}

/** The records without the last `count`, and those: what is measured with was not learned from. */
export function holdOut<T>(records: readonly T[], count: number): { learned: readonly T[]; heldOut: readonly T[] } {
  if (count >= records.length) {
    const message = `${count} pictures cannot be held out of ${records.length}.`;
    throw new TrainingError('dataset_invalid', message, { held_out: count, pictures: records.length });
  }
  return { learned: records.slice(0, records.length - count), heldOut: records.slice(records.length - count) };
}
