/** How much a portrait looks like the person: the measure identity is judged by. */
import { PipelineError } from '../errors.ts';
import type { Corrections } from '../corrections.ts';
import { decodePlain } from '../image/decode.ts';
import { toRgb } from '../image/picture.ts';
import type { EmbeddingModels, ParsingModels } from '../model-set.ts';
import { findFace } from '../parsing/parse-face.ts';
import { embedFace } from './encode-reference.ts';
import { readIdentity } from './identity.ts';

type FaceModels = ParsingModels & EmbeddingModels;

/**
 * Cosine of the ArcFace embeddings, −1 … 1. Null where it would mean nothing: the pack was never trained, the identity has no face,
 * or the portrait shows none.
 */
export async function identitySimilarity(models: FaceModels, identity: Uint8Array, image: Uint8Array): Promise<number | null> {
  const { face: known, corrections } = readIdentity(identity);
  if (!models.pack.manifest.trained || known.data.every((x) => x === 0)) return null;
  return cosine(known.data, await faceOf(models, image, corrections));
}

/** The same for the faces of two pictures. */
export async function compareFaces(models: FaceModels, one: Uint8Array, other: Uint8Array): Promise<number | null> {
  if (!models.pack.manifest.trained) return null;
  return cosine(await faceOf(models, one), await faceOf(models, other));
}

/** The embedding of unit length, of the face the pipeline would take; null where it finds none. */
async function faceOf(models: FaceModels, image: Uint8Array, corrections: Corrections = []): Promise<Float32Array | null> {
  try {
    const { face } = await findFace(models, toRgb(await decodePlain(image)), corrections);
    return face && (await embedFace(models, face, corrections)).data;
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'no_face_detected') return null;
    throw error;
  }
}

const cosine = (a: Float32Array | null, b: Float32Array | null): number | null => a && b && a.reduce((sum, x, i) => sum + x * b[i]!, 0);
