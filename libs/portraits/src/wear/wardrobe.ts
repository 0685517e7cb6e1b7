/** What can be worn, and how a caption says so. A colour follows the article: "a red beanie". */
export const garments = {
  't-shirt': 't-shirt',
  shirt: 'shirt',
  sweater: 'sweater',
  hoodie: 'hoodie',
  jacket: 'jacket',
  dress: 'dress',
  'tank-top': 'tank top',
  chef: 'chef outfit',
  firefighter: 'firefighter outfit',
  police: 'police outfit',
  wizard: 'wizard outfit',
  gown: 'gown',
  spacesuit: 'spacesuit',
  apron: 'apron',
  vest: 'vest',
} as const;
export type Garment = keyof typeof garments;

export const hats = {
  hat: 'hat',
  cap: 'cap',
  beanie: 'beanie',
  'straw-hat': 'straw hat',
  'cowboy-hat': 'cowboy hat',
  'top-hat': 'top hat',
  'santa-hat': 'santa hat',
  'chef-hat': 'chef hat',
  'fire-helmet': 'firefighter helmet',
  'police-cap': 'police cap',
  'wizard-hat': 'wizard hat',
  'doctoral-cap': 'doctoral cap',
  'motorcycle-helmet': 'helmet',
  'space-helmet': 'space helmet',
} as const;
export type Hat = keyof typeof hats;

export const eyewear = { glasses: 'glasses', sunglasses: 'sunglasses', monocle: 'monocle' } as const;
export type Eyewear = keyof typeof eyewear;
