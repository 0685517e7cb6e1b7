/** Who a picture shows, and the file in which that travels from stage 2 to stage 3. It depends on the face alone: any prompt can be put to it. */
import { corrections as known, type Correction, type Corrections } from '../corrections.ts';
import { PipelineError } from '../errors.ts';
import { regionNames, type RegionName } from '../parsing/regions.ts';
import { readTensors, tensorOf, writeTensors, type FloatTensor } from '../safetensors.ts';

/** Regions the facial encoder has room for. */
export const FACIAL_SLOTS = 5;

export interface Identity {
  readonly face: FloatTensor; //               [1, F], of length 1; zeros where no face was found
  readonly idTokens: FloatTensor; //           [1, 4, C]
  readonly idTokensUncond: FloatTensor; //     [1, 4, C]
  readonly regionTokens: FloatTensor; //       [1, 5, 1, C]
  readonly regionTokensUncond: FloatTensor; // [1, 5, 1, C]
  /** Those in view, in class order: the j-th owns the j-th region token. */
  readonly regions: readonly RegionName[];
  /** How it departs from the published pipeline; only those of the identity matter. */
  readonly corrections: Corrections;
}

/** safetensors. The same identity gives the same bytes. */
export const writeIdentity = ({
  face,
  idTokens,
  idTokensUncond,
  regionTokens,
  regionTokensUncond,
  regions,
  corrections,
}: Identity): Uint8Array =>
  writeTensors(
    {
      face_embedding: face,
      id_tokens: idTokens,
      id_tokens_uncond: idTokensUncond,
      region_tokens: regionTokens,
      region_tokens_uncond: regionTokensUncond,
    },
    { regions: regions.join(' '), ...ofIdentity(corrections) },
  );

/** A prompt's corrections do not make another identity, and without any the file is what it was before there were some. */
function ofIdentity(corrections: Corrections): Record<string, string> {
  const own = corrections.filter((name) => known[name] === 'identity').toSorted();
  return own.length === 0 ? {} : { corrections: own.join(' ') };
}

/** @throws PipelineError `invalid_argument` for bytes that `writeIdentity` did not write */
export function readIdentity(file: Uint8Array): Identity {
  const stored = readTensors(file);
  return {
    face: tensorOf(stored, 'face_embedding'),
    idTokens: tensorOf(stored, 'id_tokens'),
    idTokensUncond: tensorOf(stored, 'id_tokens_uncond'),
    regionTokens: tensorOf(stored, 'region_tokens'),
    regionTokensUncond: tensorOf(stored, 'region_tokens_uncond'),
    regions: namesIn(stored.metadata['regions']).map(asRegion),
    corrections: namesIn(stored.metadata['corrections']).filter((name): name is Correction => Object.hasOwn(known, name)),
  };
}

const namesIn = (list = '') => list.split(' ').filter((name) => name !== '');

function asRegion(name: string): RegionName {
  const region = regionNames.find((known) => known === name);
  if (!region)
    throw new PipelineError('invalid_argument', `The identity names a region "${name}", which the parser does not know.`, { name });
  return region;
}
