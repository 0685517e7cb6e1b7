/** The classes of the face parser (BiSeNet as trained on CelebAMask-HQ), by their number in a label map. Left is the picture's left. */
export const labels = {
  background: 0,
  skin: 1,
  l_brow: 2,
  r_brow: 3,
  l_eye: 4,
  r_eye: 5,
  eye_g: 6,
  l_ear: 7,
  r_ear: 8,
  ear_r: 9,
  nose: 10,
  mouth: 11,
  u_lip: 12,
  l_lip: 13,
  neck: 14,
  neck_l: 15,
  cloth: 16,
  hair: 17,
  hat: 18,
} as const;

export type LabelName = keyof typeof labels;
export const labelNames = Object.keys(labels) as LabelName[];
