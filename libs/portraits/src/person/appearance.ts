import { isWoman, type Identity } from './identity.ts';

/** What can be seen of a person from afar, in words that captions of real pictures use: hair, beard and skin. */
export function appearanceOf(identity: Identity): string {
  const { age, freckles } = identity;
  const parts = [hairOf(identity), `${skinOf(identity)} skin`, ...facialHairOf(identity), ...(freckles > 0.55 ? ['freckles'] : [])];
  return `${age > 60 ? 'old' : age < 32 ? 'young' : 'middle-aged'}, with ${parts.slice(0, -1).join(', ')} and ${parts.at(-1)!}`;
}

function hairOf(identity: Identity): string {
  const { hairStyle } = identity;
  if (hairStyle === 'bald') return 'a bald head';
  const colour = hairColourOf(identity);
  switch (hairStyle) {
    case 'buzz':
      return `very short ${colour} hair`;
    case 'crop':
    case 'side-part':
    case 'quiff':
      return `short ${colour} hair`;
    case 'curls':
      return `curly ${colour} hair`;
    case 'afro':
      return `a ${colour} afro`;
    case 'bob':
      return `a ${colour} bob`;
    case 'long':
      return `long ${identity.hairCurl > 0.45 ? 'wavy' : 'straight'} ${colour} hair`;
    case 'bun':
      return `${colour} hair in a bun`;
    case 'ponytail':
      return `a ${colour} ponytail`;
  }
}

function hairColourOf({ hairGrey, hairRedness, hairMelanin }: Identity): string {
  if (hairGrey > 0.75) return 'white';
  if (hairGrey > 0.35) return 'grey';
  if (hairRedness > 0.5 && hairMelanin < 0.7) return 'red';
  return hairMelanin < 0.3 ? 'blond' : hairMelanin < 0.72 ? 'brown' : 'black';
}

const skinOf = ({ skinTone }: Identity): string =>
  skinTone < 0.25 ? 'light' : skinTone < 0.5 ? 'tanned' : skinTone < 0.75 ? 'brown' : 'dark';

function facialHairOf(identity: Identity): string[] {
  if (isWoman(identity)) return [];
  switch (identity.facialHair) {
    case 'none':
      return [];
    case 'stubble':
      return ['stubble'];
    default:
      return [`a ${identity.facialHair}`];
  }
}
