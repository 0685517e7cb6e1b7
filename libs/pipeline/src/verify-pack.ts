import { createSession } from '@likeness/inference';
import { allNetworks, PackNetworks, type BuildOptions, type ConsistentIdPack, type Pack } from '@likeness/models';

export interface VerifiedNetwork {
  readonly network: string;
  /** Elements of its weights; null for a network that is stored as ONNX. */
  readonly parameters: number | null;
  readonly seconds: number;
}

/**
 * Builds and loads every network of a pack, one after another: every weight is read, and none is missing, left over or of a wrong
 * shape. @throws the first thing that is wrong, with file and key
 */
export async function* verifyPack(pack: Pack, options: BuildOptions = {}): AsyncGenerator<VerifiedNetwork> {
  const { manifest } = pack;
  if (manifest.pipeline === 'noop') return;
  const networks = new PackNetworks({ ...pack, manifest } satisfies ConsistentIdPack, options);
  let begun = performance.now();
  for await (const network of allNetworks(networks)) {
    const load =
      'path' in network
        ? { path: network.path }
        : { bytes: network.bytes, ...(network.externalFolder !== undefined && { folder: network.externalFolder }) };
    await (await createSession({ name: network.name, ...load })).release();
    yield {
      network: network.name,
      parameters: 'parameters' in network ? network.parameters : null,
      seconds: (performance.now() - begun) / 1000,
    };
    begun = performance.now();
  }
}
