/** What a picture is called: the captions that the text encoder learns from, and the sentence about the face. */
import { isWoman, type Identity } from './person/identity.ts';
import { actions } from './scene/actions.ts';
import { backdrops } from './scene/backdrops.ts';
import { scenarios, type ScenarioId } from './scenarios.ts';
import type { Shot, Told } from './shot.ts';
import { styles } from './style/styles.ts';
import { eyewear, garments, hats } from './wear/wardrobe.ts';

/** A scenario's own prompt, or what is told of a free shot in the same wording. */
export function captionOf(identity: Identity, shot: Shot): string {
  if (shot.scenario !== undefined) return scenarios[shot.scenario as ScenarioId].template.replace('{subject}', subject(identity));
  const told = (what: Told) => shot.told.includes(what);
  const worn = listOf(wornWords(shot, told));
  const doing = shot.action === undefined ? '' : ` ${actions[shot.action].words}`;
  const wearing = worn === '' ? '' : ` wearing ${worn}`;
  const where = told('backdrop') ? ` ${placeWords(shot)}` : '';
  const person = `${subject(identity, told('age'))}${wearing}${doing}${where}`;
  return styles[shot.style].words.replace('{subject}', person);
}

function subject(identity: Identity, withAge = false): string {
  const noun = isWoman(identity) ? 'woman' : 'man';
  if (!withAge) return `a ${noun}`;
  if (identity.age < 32) return `a young ${noun}`;
  return identity.age > 60 ? `an old ${noun}` : `a ${noun}`;
}

const article = (words: string) => `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`;

function wornWords({ hat, glasses, scarf, necklace, earrings, dress }: Shot, told: (what: Told) => boolean): string[] {
  const outfit = garments[dress.garment];
  const coloured = ['chef', 'firefighter', 'police', 'wizard', 'gown', 'spacesuit'].includes(dress.garment)
    ? outfit
    : `${dress.colour} ${dress.striped ? 'striped ' : ''}${outfit}`;
  return [
    ...(hat && told('hat') ? [article(`${hat.colour} ${hats[hat.kind]}`)] : []),
    ...(glasses && told('glasses') ? [glasses.kind === 'sunglasses' ? 'sunglasses' : `${glasses.colour} ${eyewear[glasses.kind]}`] : []),
    ...(scarf && told('scarf') ? [article(`${scarf} scarf`)] : []),
    ...(necklace && told('necklace') ? [article(`${necklace} necklace`)] : []),
    ...(earrings && told('earrings') ? ['earrings'] : []),
    ...(told('dress') ? [article(coloured)] : []),
  ];
}

const placeWords = ({ backdrop, backdropColour }: Shot) =>
  backdrop === 'studio' ? `in front of a ${backdropColour} wall`.replace('a orange', 'an orange') : backdrops[backdrop].words;

const listOf = (words: readonly string[]) => (words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`);

/** The five parts in the words that `markFacialFeatures` looks for: face, ears, eyes, nose and mouth. */
export function facialSentenceOf(identity: Identity): string {
  const noun = isWoman(identity) ? 'woman' : 'man';
  const pick = (value: number, low: number, high: number, [small, middle, large]: readonly [string, string, string]) =>
    value < low ? small : value > high ? large : middle;
  const face = pick(identity.faceWidth * (0.6 + 0.4 * identity.jawWidth), 0.63, 0.72, ['a narrow', 'an oval', 'a broad']);
  const ears = pick(identity.earSize, 0.195, 0.235, ['small', 'medium', 'large']);
  const size = pick(identity.eyeSize * (0.5 + identity.eyeOpening), 0.147, 0.17, ['narrow', 'almond-shaped', 'large']);
  const eyes = ['dark brown', 'brown', 'hazel', 'green', 'blue', 'grey'][Math.round(identity.eyeColour * 5)]!;
  const nose = pick(identity.noseWidth, 0.165, 0.205, ['a slim', 'a straight', 'a broad']);
  const mouth = pick(identity.lipFullness, 0.085, 0.115, ['a thin', 'a soft', 'a full']);
  return `The ${noun} has ${face} face, ${ears} ears, ${size} ${eyes} eyes, ${nose} nose, and ${mouth} mouth.`;
}
