/**
 * Where the published pipelines do something their method does not ask for. By default they are followed to the letter, since the
 * published weights were used so; a request can ask for any of these corrections. Each acts in one place, under its name.
 */
export const corrections = {
  /** SD1.5: the face networks see BGR, as they were trained; the published pipeline hands them RGB. */
  bgr_faces: 'identity',
  /** The largest face counts, not the one of the highest detection score. */
  largest_face: 'identity',
  /** A picture without a face goes on with a face embedding of zeros, as published, and with a warning; else it is refused. */
  continue_without_face: 'identity',
  /** Both eyes, both ears, both lips; published is the first of each pair. */
  union_paired_regions: 'identity',
  /** Pictures are padded to a square for CLIP; published is a centre crop that loses the ends of the longer side. */
  pad_to_square: 'identity',
  /** A region enters at the word that names it; published is by position, which crosses eyes and ears. For weights trained so. */
  pair_regions_by_name: 'prompt',
  /** SD1.5: the first phase sees the bare prompt, as in SDXL, without the sentence about the face. */
  bare_text_prompt: 'prompt',
  /** SDXL: the second encoder sees no markers; published are five tokens of each. */
  strip_second_markers: 'prompt',
  /** Ids that are cut keep an end token. */
  restore_end_token: 'prompt',
  /** In the first phase the negative prompt is plain; published is the one into which the regions of nothing are fused. */
  plain_negative: 'prompt',
} as const satisfies Record<string, 'identity' | 'prompt'>;

export type Correction = keyof typeof corrections;
export type Corrections = readonly Correction[];
