import type { BuiltNetwork, PackNetworks, StoredNetwork } from './pack-networks.ts';

/** Every network of a pack, built one after another in the order of the stages; those of the last one at a picture's size in pixels. */
export async function* allNetworks(
  networks: PackNetworks,
  { width, height }: { readonly width: number; readonly height: number } = networks.pack.manifest.defaults,
): AsyncGenerator<BuiltNetwork | StoredNetwork> {
  const { detector, text_encoder_2: second } = networks.pack.manifest;
  const { factor } = await networks.latents();
  const builds = [
    ...(detector ? [() => networks.detector()!] : []),
    () => networks.parser(),
    () => networks.recognizer(),
    () => networks.imageEncoder(),
    () => networks.textEncoder(),
    ...(second ? [() => networks.textEncoder2()] : []),
    () => networks.identityProjection(),
    () => networks.visualProjection(),
    () => networks.fuse(),
    () => networks.unet(height / factor, width / factor),
    () => networks.decoder(height / factor, width / factor),
  ];
  for (const build of builds) yield await build();
}
