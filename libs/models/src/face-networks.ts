/** What a pack has for its three face networks: tensors of the project's own architectures, or ONNX files of others. Each is opened once. */
import { join } from 'node:path';
import { isCheckpoint, type WeightSource } from '@likeness/graph';
import type { BiSeNetConfig } from './architectures/bisenet.ts';
import type { IResNetConfig } from './architectures/iresnet.ts';
import type { ScrfdConfig } from './architectures/scrfd.ts';
import type { ConsistentIdPack, FaceNetworkSource } from './catalog.ts';
import { bisenetConfig, bisenetConfigOf, iresnetConfig, iresnetConfigOf, scrfdConfig, scrfdConfigOf } from './face-checkpoints.ts';
import { readDetector, readRecognizer } from './face-models.ts';
import { openWeights } from './pack-sources.ts';

export interface OwnNetwork<C> {
  readonly weights: WeightSource;
  readonly config: C;
}

/** An ONNX file that is run as it is. */
export interface ForeignNetwork {
  readonly path: string;
}

export class FaceNetworks {
  readonly #pack: ConsistentIdPack;
  readonly #opened = new Map<string, unknown>();

  constructor(pack: ConsistentIdPack) {
    this.#pack = pack;
  }

  parser(): OwnNetwork<BiSeNetConfig> {
    return this.#once('parser', () => this.#own(this.#pack.manifest.parser, bisenetConfig, bisenetConfigOf));
  }

  /** Null where the pack has none. */
  detector(): OwnNetwork<ScrfdConfig> | ForeignNetwork | null {
    const { detector } = this.#pack.manifest;
    return this.#once('detector', () => {
      if (!detector) return null;
      const file = this.#onnxFile(detector);
      return file === undefined ? this.#own(detector, scrfdConfig, scrfdConfigOf) : { path: readDetector(file).path };
    });
  }

  /** With the numbers of its embedding; undefined where the file leaves them open. */
  recognizer(): (OwnNetwork<IResNetConfig> | ForeignNetwork) & { readonly features: number | undefined } {
    const { recognizer } = this.#pack.manifest;
    return this.#once('recognizer', () => {
      const file = this.#onnxFile(recognizer);
      if (file === undefined) {
        const own = this.#own(recognizer, iresnetConfig, iresnetConfigOf);
        return { ...own, features: own.config.num_features };
      }
      const { path, outputs } = readRecognizer(file);
      const features = outputs[0]!.dims.at(-1) ?? 0; // an open dimension is null, and 0 in some files
      return { path, features: features > 0 ? features : undefined };
    });
  }

  #onnxFile(source: FaceNetworkSource): string | undefined {
    if (!('file' in source)) return undefined;
    const file = join(this.#pack.folder, source.file);
    return isCheckpoint(file) ? undefined : file;
  }

  #own<C>(source: FaceNetworkSource, configOf: (json: unknown) => C, read: (weights: WeightSource) => C): OwnNetwork<C> {
    const weights = openWeights(this.#pack, source);
    return { weights, config: 'file' in source ? read(weights) : configOf(source.config) };
  }

  #once<T>(name: string, open: () => T): T {
    if (!this.#opened.has(name)) this.#opened.set(name, open());
    return this.#opened.get(name) as T;
  }
}
