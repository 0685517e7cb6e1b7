/** `likeness models bundle`: a pack to be given away, of what training left. */
import { join, resolve } from 'node:path';
import { bundlePack, loadDraft, PackError } from '@likeness/models';
import { Command, InvalidArgumentError } from 'commander';
import { bytesText } from '../hub/progress.ts';

interface BundleFlags {
  readonly out: string;
  readonly with: readonly string[];
  readonly maxMegabytes?: number;
  readonly float32?: true;
  readonly replace?: true;
}

export const bundleCommand = () =>
  new Command('bundle')
    .description('copy every network of a manifest into a pack that stands on its own: safetensors in halves, with hashes')
    .argument('<manifest>', 'a pack.json, whose paths begin beside it')
    .requiredOption('--out <dir>', 'the folder of packs in which it appears')
    .requiredOption('--with <path...>', 'files and folders that go along; README.md, the model card, and LICENSE must be among them')
    .option('--max-megabytes <n>', 'refuse a larger one', positive)
    .option('--float32', 'weights as they are')
    .option('--replace', 'take the place of a pack of that name')
    .action(async (file: string, { out, with: documents, maxMegabytes, float32, replace }: BundleFlags) => {
      const { manifest, ...draft } = await loadDraft(file);
      if (manifest.pipeline === 'noop') throw new PackError(`Pack ${manifest.name} has no models.`, { pack: manifest.name });
      const { networks, bytes } = await bundlePack({ ...draft, manifest }, resolve(out), {
        documents,
        replace: replace ?? false,
        precision: float32 ? 'float32' : 'float16',
        ...(maxMegabytes !== undefined && { maxBytes: maxMegabytes * 1e6 }),
      });
      for (const network of networks) console.log(`${network.name} ${network.parameters} parameters ${bytesText(network.bytes)}`);
      console.log(`${join(out, manifest.name)} ${bytesText(bytes)}`);
    });

function positive(text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new InvalidArgumentError(`${text} is no number above 0.`);
}
