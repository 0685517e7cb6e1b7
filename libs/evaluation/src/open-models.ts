import { chooseProvider } from '@likeness/inference';
import { loadPack, type ConsistentIdPack } from '@likeness/models';
import { ModelSet, stagesOf, type Stages } from '@likeness/pipeline';
import { EvaluationError } from './errors.ts';
import type { EvaluationOptions } from './evaluate.ts';
import { Observer } from './measuring/observer.ts';
import { contentsOf, type PictureStore } from './picture-store.ts';
import { PortraitMaker } from './portrait-maker.ts';

type OpenOptions = Pick<
  EvaluationOptions,
  'pack' | 'packDirs' | 'compare' | 'seed' | 'steps' | 'strict' | 'device' | 'precision' | 'threads' | 'weightsFolder'
>;

/** What is opened once: the pack that is evaluated, those to compare, and the instruments, which are of the first for all. */
export interface OpenedModels {
  readonly pack: ConsistentIdPack;
  /** See `contentsOf`. */
  readonly contents: string;
  readonly stages: Stages;
  readonly observer: Observer;
  /** By the pack's name; undefined: the one that is evaluated. */
  readonly makers: ReadonlyMap<string | undefined, PortraitMaker>;
  /** Side of the drawings, pixels. */
  readonly size: number;
  release(): Promise<void>;
}

/** @throws PackError; EvaluationError `pack_not_evaluable`, and with `strict` `measure_unavailable` */
export async function openModels(options: OpenOptions, store: PictureStore): Promise<OpenedModels> {
  const { provider } = await chooseProvider(options.device ?? 'cpu');
  const { threads, precision = 'float32', weightsFolder, seed, steps } = options;
  const opened: { release(): Promise<void> }[] = [];
  const release = async () => {
    for (const each of opened.toReversed()) await each.release();
  };
  const open = async (name: string) => {
    const pack = await loadPack(name, options.packDirs);
    const { manifest } = pack;
    if (manifest.pipeline === 'noop')
      throw new EvaluationError('pack_not_evaluable', `The pack ${name} has no models to evaluate.`, { pack: name });
    const models = new ModelSet({ ...pack, manifest }, { provider, threads, precision, weightsFolder });
    opened.push(models);
    const stages = stagesOf(models);
    const contents = await contentsOf(pack);
    const maker = new PortraitMaker({ stages, contents, runtime: { provider, precision }, store, seed, steps });
    return { models, contents, stages, maker };
  };
  try {
    const { models, contents, stages, maker } = await open(options.pack);
    const makers = new Map<string | undefined, PortraitMaker>([[undefined, maker]]);
    for (const name of options.compare) makers.set(name, (await open(name)).maker);
    const observer = await Observer.open(models, { weightsFolder, threads });
    opened.push(observer);
    if (options.strict && observer.absent[0]) throw observer.absent[0];
    const { width, height } = models.pack.manifest.defaults;
    return { pack: models.pack, contents, stages, observer, makers, size: Math.min(width, height), release };
  } catch (error) {
    await release();
    throw error;
  }
}
