/** The parts of a face that ConsistentID looks at, in ascending class id of the face parser (BiSeNet as trained on CelebAMask-HQ). */
export const regionClasses = {
  Face: 1, // skin; eyes, nose and mouth lie in its filled outline
  Left_Eye: 4,
  Right_Eye: 5,
  Left_Ear: 7,
  Right_Ear: 8,
  Nose: 10,
  Upper_Lip: 12,
  Lower_Lip: 13,
} as const;

export type RegionName = keyof typeof regionClasses;

export const regionNames = Object.keys(regionClasses) as RegionName[];
