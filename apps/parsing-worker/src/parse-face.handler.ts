import { readReference } from './read-reference.ts';
import type { StageHandler } from '@likeness/worker';

/** Adapter between the queue and the pure function: the reference goes in; the face, the label map and the regions come out. */
export const parseFace: StageHandler = async (context) => {
  const { stage, keep, warn, infer } = context;
  const reference = await readReference(context);
  const found = await infer('parseFace', {
    reference,
    facialRegions: stage.input.facial_regions,
    corrections: stage.input.corrections,
  });
  await keep('face', { bytes: found.face, contentType: 'image/png', detail: found.hasFace ? {} : { found: false } }); // 112 × 112
  await keep('label-map', { bytes: found.labelMap, contentType: 'image/png' }); // grey, a class id per pixel
  const regions = found.regions.map(({ name, png }) => ({ bytes: png, contentType: 'image/png', detail: { region: name } }));
  await keep('regions', regions); // at most 5, in class order
  warn(...found.warnings);
};
