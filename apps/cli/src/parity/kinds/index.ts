import { generateKinds } from './generate.ts';
import type { KindRunner } from './kind.ts';
import { networkKinds } from './network.ts';
import { trainingKinds } from './training.ts';
import { visionKinds } from './vision.ts';

/** Every kind of golden case and what runs it. */
export const kinds: Readonly<Record<string, KindRunner>> = { ...networkKinds, ...visionKinds, ...generateKinds, ...trainingKinds };
