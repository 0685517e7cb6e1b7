import { z } from 'zod';
import { TrainingError } from '../errors.ts';
import { holdOut, readFgid, type FgidRecord } from './fgid.ts';
import { RasterFile } from './raster-file.ts';

/** What every recipe says of its pictures. */
export const PictureData = z.strictObject({
  /** In the layout of FGID. */
  folder: z.string(),
  /** Pixels along a side: pictures of another size are resampled. */
  size: z.int().min(8).default(128),
  /** Pictures at the end that are only measured with. */
  held_out: z.int().min(1).default(200),
});

export interface OpenPictures {
  /** Also where what is made from the pictures is kept. */
  readonly cacheFolder: string;
  readonly records: readonly FgidRecord[];
  readonly pictures: RasterFile;
  /** Places among the records. */
  readonly learned: readonly number[];
  readonly heldOut: readonly number[];
}

interface Opening {
  /** Examples that a held-out measurement takes at a time, where it does: as many pictures must be held out. */
  readonly batch?: number;
  readonly data: z.infer<typeof PictureData>;
  readonly path: (path: string) => string;
  readonly onPrepare: (what: string, done: number, total: number) => void;
}

/** @throws TrainingError `dataset_invalid` */
export async function openPictures({ batch = 1, data, path, onPrepare }: Opening): Promise<OpenPictures> {
  if (data.held_out < batch) {
    const message = `held_out is ${data.held_out}, less than the batch of ${batch} that is measured with at a time.`;
    throw new TrainingError('dataset_invalid', message, { held_out: data.held_out, batch });
  }
  const folder = path(data.folder);
  const records = readFgid(folder);
  const cacheFolder = `${folder}/.cache`;
  const pictures = await RasterFile.open(
    records.map(({ picture }) => picture),
    { kind: 'picture', size: data.size, cacheFolder, onProgress: (done, total) => onPrepare('pictures', done, total) },
  );
  const { learned, heldOut } = holdOut([...records.keys()], data.held_out);
  return { cacheFolder, records, pictures, learned, heldOut };
}

/** The label maps of the same pictures. @throws TrainingError `dataset_invalid` when one has none */
export async function openLabels({ records, cacheFolder, pictures }: OpenPictures, onPrepare: Opening['onPrepare']): Promise<RasterFile> {
  const files = records.map(({ picture, labels }) => labels ?? lacking(picture, 'parsing_mask_IMG'));
  return RasterFile.open(files, {
    kind: 'labels',
    size: pictures.size,
    cacheFolder,
    onProgress: (done, total) => onPrepare('label maps', done, total),
  });
}

export function lacking(picture: string, field: string): never {
  throw new TrainingError('dataset_invalid', `${picture} comes without ${field}, which this task needs.`, { picture, field });
}
