/**
 * Where a sampling stands between two steps, as a file: whoever goes on from it makes the bytes that would have been made without the
 * stop. The noise generator needs no place in it: the seed and the number of steps say how far it has come.
 */
import { createHash } from 'node:crypto';
import type { Pack } from '@likeness/models';
import { z } from 'zod';
import { PipelineError } from '../errors.ts';
import { readTensors, tensorOf, writeTensors, type FloatTensor, type StoredTensor } from '../safetensors.ts';
import type { History } from '../schedulers/scheduler.ts';
import type { GeneratedImage, SamplePortraitInput } from './sample-portrait.ts';

export interface SampleState {
  /** As `jobOf` names it. */
  readonly job: string;
  /** Those that are finished. */
  readonly images: readonly GeneratedImage[];
  /** Of the image under way: calls of the network so far, the latents after them, and what the scheduler remembers. */
  readonly done: number;
  readonly latents: FloatTensor;
  readonly history: History;
}

const About = z.array(z.object({ contentType: z.string(), width: z.int(), height: z.int(), seed: z.int(), sha256: z.string() }));

/** Names the job: pack, identity and every option. A state of another job would end in a picture that nobody asked for. */
export function jobOf({ manifest, digest }: Pack, { identity, resume: _, ...options }: SamplePortraitInput): string {
  const asked = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [manifest.name, manifest.version, digest, createHash('sha256').update(identity).digest('hex'), asked];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** safetensors. */
export function writeSampleState({ job, images, done, latents, history }: SampleState): Uint8Array {
  const remembered = Object.entries(history).map(([name, data]) => [`history.${name}`, { dtype: 'float64', dims: [data.length], data }]);
  const finished = images.map(({ bytes }, k) => [`image.${k}`, { dtype: 'uint8', dims: [bytes.length], data: bytes }]);
  const tensors = Object.fromEntries([...remembered, ...finished]) as Record<string, StoredTensor>;
  const about: z.infer<typeof About> = images.map(({ bytes: _, ...rest }) => rest);
  return writeTensors({ latents, ...tensors }, { job, done: String(done), images: JSON.stringify(about) });
}

/** @throws PipelineError `invalid_argument` for bytes that `writeSampleState` did not write */
export function readSampleState(file: Uint8Array): SampleState {
  const stored = readTensors(file);
  const { job = '', done = '', images = '' } = stored.metadata;
  const bytesOf = (name: string): Uint8Array => {
    const tensor = stored.tensors[name];
    if (tensor?.dtype === 'uint8') return tensor.data;
    throw damaged(`it lacks "${name}"`);
  };
  if (!/^\d+$/.test(done)) throw damaged(`it has made "${done}" steps`);
  const history = Object.entries(stored.tensors).flatMap(([name, tensor]) =>
    name.startsWith('history.') && tensor.dtype === 'float64' ? [[name.slice('history.'.length), tensor.data] as const] : [],
  );
  return {
    job,
    images: readAbout(images).map((about, k) => ({ ...about, bytes: bytesOf(`image.${k}`) })),
    done: Number(done),
    latents: tensorOf(stored, 'latents'),
    history: Object.fromEntries(history),
  };
}

function readAbout(text: string): z.infer<typeof About> {
  try {
    return About.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(`its list of images makes no sense: ${(cause as Error).message}`);
  }
}

const damaged = (what: string) => new PipelineError('invalid_argument', `The saved sampling cannot be used: ${what}.`);
