/**
 * The presets that are shipped: the 45 scenarios with which ConsistentID was evaluated (arXiv 2404.16771, MyStyle prompts; forty of them
 * are FastComposer's), ten accessories, ten backgrounds, fifteen actions and ten styles.
 */
import { createHash } from 'node:crypto';
import { ID_ALPHABET, type Preset, type PresetId } from '@likeness/contracts';

const scenarios = {
  accessory: {
    'red-hat': '{subject} wearing a red hat',
    'santa-hat': '{subject} wearing a santa hat',
    'rainbow-scarf': '{subject} wearing a rainbow scarf',
    'top-hat-and-monocle': '{subject} wearing a black top hat and a monocle',
    'chef-outfit': '{subject} in a chef outfit',
    'firefighter-outfit': '{subject} in a firefighter outfit',
    'police-outfit': '{subject} in a police outfit',
    'pink-glasses': '{subject} wearing pink glasses',
    'yellow-shirt': '{subject} wearing a yellow shirt',
    'wizard-outfit': '{subject} in a purple wizard outfit',
  },
  background: {
    jungle: '{subject} in the jungle',
    snow: '{subject} in the snow',
    beach: '{subject} on the beach',
    'cobblestone-street': '{subject} on a cobblestone street',
    'pink-fabric': '{subject} on top of pink fabric',
    'wooden-floor': '{subject} on top of a wooden floor',
    city: '{subject} with a city in the background',
    mountain: '{subject} with a mountain in the background',
    'blue-house': '{subject} with a blue house in the background',
    'purple-rug-in-forest': '{subject} on top of a purple rug in a forest',
  },
  action: {
    'glass-of-wine': '{subject} holding a glass of wine',
    'riding-a-horse': '{subject} riding a horse',
    'piece-of-cake': '{subject} holding a piece of cake',
    'giving-a-lecture': '{subject} giving a lecture',
    'reading-a-book': '{subject} reading a book',
    gardening: '{subject} gardening in the backyard',
    cooking: '{subject} cooking a meal',
    'working-out': '{subject} working out at the gym',
    'walking-the-dog': '{subject} walking the dog',
    'baking-cookies': '{subject} baking cookies',
    'doctoral-cap': '{subject} wearing a doctoral cap',
    spacesuit: '{subject} wearing a spacesuit',
    'sunglasses-and-necklace': '{subject} wearing sunglasses and necklace',
    coding: '{subject} coding in front of a computer',
    motorcycle: '{subject} in a helmet and vest riding a motorcycle',
  },
  style: {
    banksy: 'a painting of {subject} in the style of Banksy',
    'van-gogh': 'a painting of {subject} in the style of Vincent Van Gogh',
    graffiti: 'a colorful graffiti painting of {subject}',
    watercolor: 'a watercolor painting of {subject}',
    'marble-sculpture': 'a Greek marble sculpture of {subject}',
    'street-art-mural': 'a street art mural of {subject}',
    'black-and-white': 'a black and white photograph of {subject}',
    pointillism: 'a pointillism painting of {subject}',
    woodblock: 'a Japanese woodblock print of {subject}',
    stencil: 'a street art stencil of {subject}',
  },
} as const satisfies Record<NonNullable<Preset['category']>, Record<string, string>>;

export const scenarioPresets: readonly Preset[] = Object.entries(scenarios).flatMap(([category, prompts]) =>
  Object.entries(prompts).map(([name, prompt]) => ({
    id: idOf(name),
    object: 'preset' as const,
    name,
    version: 1,
    category: category as keyof typeof scenarios,
    input: { prompt },
    created_at: '2026-11-24T00:00:00.000Z',
  })),
);

/** The same in every installation and at every start. */
function idOf(name: string): PresetId {
  const characters = [...createHash('sha256').update(`preset ${name}`).digest()].slice(0, 26).map((byte) => ID_ALPHABET.charAt(byte & 31));
  return `pre_${characters.join('')}`;
}
