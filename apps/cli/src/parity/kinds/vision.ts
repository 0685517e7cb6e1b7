import type { KindRunner } from './kind.ts';

export const visionKinds: Readonly<Record<string, KindRunner>> = {};
