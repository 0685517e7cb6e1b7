import type { ParityCase } from '../case.ts';
import type { Value } from '../value.ts';

/** Runs the function of the product that a kind of case names, and returns its outputs by name. */
export type KindRunner = (c: ParityCase) => Promise<Record<string, Value>>;
