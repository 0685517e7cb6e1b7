/** What `likeness train` can train, by the name a recipe gives as its task: one file each. */
import { autoencoder } from './autoencoder.ts';
import type { TaskKind } from './task-kind.ts';

export const taskKinds: Readonly<Record<string, TaskKind>> = {
  autoencoder,
};
