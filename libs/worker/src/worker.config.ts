import { packFolders, weightsFolder } from '@likeness/pipeline';
import { commonVariables, loadConfig, port, variable } from '@likeness/platform/config';
import { z } from 'zod';

const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** What the three workers read. */
export const WorkerConfig = z.object({
  ...commonVariables,
  WORKER_SLOTS: variable(whole(1, 16).default(1), {
    description: 'stages at work at once; each has an inference process of its own (one per GPU)',
  }),
  WORKER_CONCURRENCY: variable(whole(0, 256).default(0), {
    description:
      'stages taken at once, where that is more than the slots: those of packs that need no inference process overlap, others wait for a slot',
  }),
  INFERENCE_THREADS: variable(whole(0, 256).default(0), { description: 'threads of one inference process on the CPU; 0 = one per core' }),
  INFERENCE_DEVICE: variable(z.enum(['auto', 'cpu', 'cuda', 'webgpu']).default('cpu'), {
    description:
      'where models run; auto takes the first of cuda, webgpu and cpu that runs a tiny graph here. Which libraries a GPU needs is the runtime’s own documentation’s',
  }),
  INFERENCE_PRECISION: variable(z.enum(['float32', 'int8']).default('float32'), {
    description:
      'of the UNet on the CPU; int8 takes half the time, for packs that `likeness models calibrate` found fit; the same for all workers, since pictures differ',
  }),
  INFERENCE_MEMORY_MIB: variable(whole(256, 1_048_576).default(8192), {
    description: 'an idle inference process that holds more memory than this is replaced',
  }),
  STAGE_TIMEOUT_SECONDS: variable(whole(1, 86_400).default(900), { description: 'a stage that takes longer is ended with stage_timeout' }),
  DRAIN_SECONDS: variable(whole(0, 3_600).default(6), {
    description:
      'how long stages may go on after SIGTERM; a sampling that needs longer is saved at once, and another worker goes on from there',
  }),
  PREVIEW_MS: variable(whole(0, 60_000).default(750), {
    description: 'about this often, in milliseconds, a stage that samples shows a small picture of what there is; 0 = never',
  }),
  WEIGHTS_DIR: variable(z.string().optional(), {
    description: 'a folder where converted weights are kept; default: `~/.cache/likeness/weights`',
  }),
  POD_NAME: variable(z.string().optional(), {
    description:
      'the pod that a worker is, where Kubernetes shall take others first while it is at work; `podDeletionCost` of the chart sets it',
  }),
  POD_NAMESPACE: variable(z.string().default('default'), { description: 'its namespace' }),
  KUBERNETES_SERVICE_HOST: variable(z.string().default('kubernetes.default.svc'), { description: 'Kubernetes’ API; Kubernetes sets it' }),
  KUBERNETES_SERVICE_PORT: variable(port.default(443), { description: 'its port' }),
});
export type WorkerConfig = z.infer<typeof WorkerConfig> & { readonly packDirs: readonly string[]; readonly WEIGHTS_DIR: string };

/** @throws ConfigError naming every variable that is missing or wrong */
export const readWorkerConfig = (env: Readonly<Record<string, string | undefined>> = process.env): WorkerConfig => ({
  ...loadConfig(WorkerConfig, env),
  packDirs: packFolders(env),
  WEIGHTS_DIR: weightsFolder(env),
});
