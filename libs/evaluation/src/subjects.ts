/** The people of an evaluation: drawn ones whom no training has seen, each with the photo that a customer would upload. */
import { encodePicture, type Picture } from '@likeness/pipeline';
import {
  drawPortrait,
  plainShot,
  Random,
  randomIdentity,
  randomShot,
  scenarioShot,
  type Identity,
  type Portrait,
  type ScenarioId,
} from '@likeness/portraits';

/**
 * The first word of every stream of random numbers here, each of four words or more. Data sets are drawn from streams of two and three
 * words that begin with their seed, so no person and no shot of an evaluation can be one of a training set, whatever the seeds.
 */
const EVALUATION = 2 ** 40;
const stream = { person: 0, reference: 1, picture: 2, noise: 3, stranger: 4 } as const;

export interface Subject {
  /** Among the people of its seed. */
  readonly index: number;
  readonly identity: Identity;
  /** The plain photo, PNG. */
  readonly reference: Uint8Array;
}

export interface SubjectOptions {
  readonly seed: number;
  readonly index: number;
  /** Side of the reference, pixels. */
  readonly size: number;
}

export async function drawSubject({ seed, index, size }: SubjectOptions): Promise<Subject> {
  const identity = randomIdentity(new Random(EVALUATION, seed, stream.person, index));
  const shot = plainShot(new Random(EVALUATION, seed, stream.reference, index), identity);
  return { index, identity, reference: await encodePicture(pictureOf(drawPortrait(identity, shot, { size })), 'png') };
}

/** What a photographer would have brought from the scene; `take` tells several apart. */
export function drawScene(
  { index, identity }: Subject,
  id: ScenarioId,
  { seed, take, size }: { seed: number; take: number; size: number },
) {
  const random = new Random(EVALUATION, seed, stream.picture, index, ...letters(id), take);
  return pictureOf(drawPortrait(identity, scenarioShot(id, random, identity), { size }));
}

/** The seed from which the picture of a person and a prompt is sampled, the same in every row, so that rows differ by nothing else. */
export const noiseSeed = ({ index }: Subject, id: ScenarioId, seed: number): number =>
  new Random(EVALUATION, seed, stream.noise, index, ...letters(id)).uint32();

/** One of several free shots of somebody who is no subject, with all that is known about it. */
export function drawStranger(person: number, shot: number, { seed, size }: { seed: number; size: number }): Portrait {
  const identity = randomIdentity(new Random(EVALUATION, seed, stream.stranger, person));
  return drawPortrait(identity, randomShot(new Random(EVALUATION, seed, stream.stranger, person, shot), identity), { size });
}

export const pictureOf = ({ size, pixels }: Portrait): Picture => ({ width: size, height: size, channels: 3, data: pixels });

const letters = (id: string): number[] => Array.from(id, (letter) => letter.codePointAt(0)!);
