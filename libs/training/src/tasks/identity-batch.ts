import { regionClasses, type MarkedPrompt, type RegionName } from '@likeness/pipeline';
import { slots } from '../data/references.ts';
import type { Batch } from '../trainer/task.ts';

/** Side of the masks to which attention is held: at least that of the largest attention. */
export const maskSide = 32;

export interface IdentityExample {
  /** Of the picture that is learned, [S, S]. */
  readonly labels: Uint8Array;
  readonly ids: readonly number[];
  readonly marked: MarkedPrompt;
  /** Of the reference: [F], [T, D], and [T, D] for each region. */
  readonly face: Float16Array;
  readonly image: Float16Array;
  readonly regions: readonly { readonly name: RegionName; readonly features: Float16Array }[];
}

export interface IdentityBatchOptions {
  /** Of the pictures. */
  readonly side: number;
  /** What stands in the slot of a region that is missing. */
  readonly nothing: Float16Array;
  readonly foregroundOnly: boolean;
}

/** The inputs of `consistentIdLoss` that say who is to be seen and where. */
export function identityBatch(examples: readonly IdentityExample[], { side, nothing, foregroundOnly }: IdentityBatchOptions): Batch {
  const stacked = (length: number, rows: readonly ArrayLike<number>[]) => {
    const all = new Float32Array(rows.length * length);
    for (const [i, row] of rows.entries()) all.set(row, i * length);
    return all;
  };
  const perSlot = <T>(each: (example: IdentityExample, slot: number) => T): T[] =>
    examples.flatMap((example) => Array.from({ length: slots }, (_, slot) => each(example, slot)));
  const area = maskSide ** 2;
  const everything = new Float32Array(area).fill(1);
  return {
    input_ids: BigInt64Array.from(examples.flatMap(({ ids }) => ids.map(BigInt))),
    image_embeds: stacked(nothing.length, examples.map(({ image }) => image)),
    region_embeds: stacked(nothing.length, perSlot(({ regions }, slot) => regions[slot]?.features ?? nothing)),
    face_embeds: stacked(examples[0]!.face.length, examples.map(({ face }) => face)),
    token_mask: Uint8Array.from(examples.flatMap(({ marked }) => marked.mask.map(Number))),
    token_index: BigInt64Array.from(perSlot(({ marked }, slot) => BigInt(marked.positions[slot]!))),
    token_present: Uint8Array.from(perSlot(({ marked }, slot) => Number(marked.positionsMask[slot]!))),
    region_masks: stacked(area, perSlot(({ labels, regions }, slot) => maskOf(labels, side, classesOf(regions[slot]?.name)))),
    foreground_masks: stacked(area, examples.map(({ labels }) => (foregroundOnly ? maskOf(labels, side, (label) => label !== 0) : everything))),
  };
} // prettier-ignore

/** Skin, brows, eyes, glasses, nose and mouth: what lies within the outline of a face. */
const withinFace = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13];

function classesOf(name: RegionName | undefined): (label: number) => boolean {
  if (name === undefined) return () => false;
  return name === 'Face' ? (label) => withinFace.includes(label) : (label) => label === regionClasses[name];
}

/** Share of each cell that belongs to it: labels [S, S] → [32, 32]. */
function maskOf(labels: Uint8Array, side: number, belongs: (label: number) => boolean): Float32Array {
  const counts = Uint8Array.from({ length: 256 }, (_, label) => Number(belongs(label)));
  const mask = new Float32Array(maskSide ** 2);
  const cell = side / maskSide;
  for (let i = 0; i < labels.length; i++) {
    if (counts[labels[i]!] === 0) continue;
    mask[Math.floor(Math.floor(i / side) / cell) * maskSide + Math.floor((i % side) / cell)]! += 1 / cell ** 2;
  }
  return mask;
}
