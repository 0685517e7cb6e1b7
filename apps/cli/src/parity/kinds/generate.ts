import type { KindRunner } from './kind.ts';

export const generateKinds: Readonly<Record<string, KindRunner>> = {};
