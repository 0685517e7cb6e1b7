/** What `likeness train` can train, by the name a recipe gives as its task: one file each. */
import { attributes } from './attributes.ts';
import { autoencoder } from './autoencoder.ts';
import { consistentId } from './consistent-id.ts';
import { detector } from './detector.ts';
import { imageText } from './image-text.ts';
import { parser } from './parser.ts';
import { recognizer } from './recognizer.ts';
import type { TaskKind } from './task-kind.ts';
import { textToImage } from './text-to-image.ts';

export const taskKinds: Readonly<Record<string, TaskKind>> = {
  attributes,
  autoencoder,
  consistentid: consistentId,
  detector,
  'image-text': imageText,
  parser,
  recognizer,
  'text-to-image': textToImage,
};
