/** The pack's autoencoder, there and back: what of a picture the UNet's latents can hold. */
import { float32 } from '@likeness/inference';
import { autoencoderConfig, openNetwork, vaeDecoderGraph, vaeEncoderGraph, type ConsistentIdPack } from '@likeness/models';
import { outputOf, toPicture, toPlanar, type Picture } from '@likeness/pipeline';
import { loadNetwork, type LoadOptions } from './network.ts';

export interface Autoencoder {
  /** Without noise: the mean of the latents is decoded. Pictures are of the size it was opened for. */
  reconstruct(picture: Picture): Promise<Picture>;
  release(): Promise<void>;
}

export async function openAutoencoder(pack: ConsistentIdPack, size: number, options: LoadOptions): Promise<Autoencoder> {
  const { config: json, weights } = await openNetwork(pack, pack.manifest.vae);
  const config = autoencoderConfig(json);
  const encoder = await loadNetwork(vaeEncoderGraph(weights, config, { height: size, width: size }), options);
  const [, , height, width] = encoder.outputs.find(({ name }) => name === 'mean')!.dims as number[];
  const decoder = await loadNetwork(vaeDecoderGraph(weights, config, { height: height!, width: width! }), options);
  return {
    reconstruct: async (picture) => {
      const pixels = toPlanar(picture, { scale: 1 / 127.5, mean: [1, 1, 1], std: [1, 1, 1] }); // −1 … 1
      const latents = outputOf(await encoder.run({ pixels: float32([1, 3, size, size], pixels) }), 'mean');
      const sample = outputOf(await decoder.run({ latents }), 'sample');
      return toPicture(float32(sample.dims, sample.data.map((x) => Math.min(Math.max(x / 2 + 0.5, 0), 1)))); // prettier-ignore
    },
    release: async () => {
      await encoder.release();
      await decoder.release();
    },
  };
}
