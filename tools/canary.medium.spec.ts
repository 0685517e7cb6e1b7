import { join } from 'node:path';
import { ESLint } from 'eslint';
import ts from 'typescript-eslint';
import { beforeAll, describe, expect, it } from 'vitest';
import { root, run } from './processes.ts';

/**
 * A fence that stopped biting looks like a fence nobody runs into: Nx's rule, for one, is skipped without an error when no project
 * graph is cached. So every fence of eslint.config.mjs meets a violation here and has to report it, with its advice.
 */
let eslint: ESLint;

beforeAll(async () => {
  const graph = await run('nx', ['show', 'projects'], { output: 'keep' });
  expect(graph.code, graph.output).toBe(0);
  // The canaries exist as text only, outside the type-checked program.
  eslint = new ESLint({
    cwd: root,
    overrideConfig: [{ ...ts.configs.disableTypeChecked, files: ['**/*.ts'] }, { languageOptions: { parserOptions: { project: false } } }],
  });
});

async function errorsOf(path: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(root, path) });
  return (result?.messages ?? []).map(({ ruleId, message }) => `${ruleId}: ${message}`);
}

const importing = (name: string) => `import * as it from '${name}';\nexport { it };\n`;

describe('the rooms', () => {
  it.each([
    ['graph', 'libs/graph', '@likeness/contracts'],
    ['contracts', 'libs/contracts', '@likeness/graph'],
    ['platform', 'libs/platform', '@likeness/inference'],
    ['generation', 'libs/generation', '@likeness/pipeline'],
    ['models', 'libs/models', '@likeness/inference'],
    ['inference', 'libs/inference', '@likeness/graph'],
    ['pipeline', 'libs/pipeline', '@likeness/contracts'],
    ['api', 'apps/api', '@likeness/pipeline'],
    ['dispatcher', 'apps/dispatcher', '@likeness/pipeline'],
    ['worker-runtime', 'libs/worker', '@likeness/models'],
    ['worker', 'apps/diffusion-worker', '@likeness/inference'],
    ['cli', 'apps/cli', '@likeness/platform/db'],
  ])('%s (%s) may not import %s', async (room, folder, name) => {
    const errors = await errorsOf(`${folder}/src/canary.ts`, importing(name));
    expect(errors).toEqual([expect.stringMatching(new RegExp(`^likeness/room-boundaries: .*room:${room}.*tools/rooms\\.mjs`))]);
  });

  it('only import downwards: what is allowed passes', async () => {
    expect(await errorsOf('libs/pipeline/src/canary.ts', importing('@likeness/models'))).toEqual([]);
    expect(await errorsOf('apps/diffusion-worker/src/canary.ts', importing('@likeness/pipeline'))).toEqual([]);
  });

  it('never lead back: a cycle is named as one', async () => {
    const errors = await errorsOf('libs/platform/src/canary.ts', importing('@likeness/generation'));
    expect(errors).toEqual([expect.stringMatching(/Circular dependency between "@likeness\/platform" and "@likeness\/generation"/)]);
  });

  it('import each other by name, not by path', async () => {
    const errors = await errorsOf('libs/models/src/canary.ts', importing('../../graph/src/index.ts'));
    expect(errors).toEqual([expect.stringMatching(/relative or absolute path.*import another package by its name/)]);
  });
});

describe('the one home of', () => {
  it.each([
    ['sharp', 'libs/models'],
    ['onnxruntime-node', 'libs/pipeline'],
    ['onnxruntime-node', 'apps/diffusion-worker'],
    ['pg', 'libs/generation'],
    ['@prisma/client', 'apps/api'],
    ['ioredis', 'apps/dispatcher'],
    ['bullmq', 'apps/api'],
    ['minio', 'libs/generation'],
    ['zod', 'libs/graph'],
    ['@nestjs/common', 'libs/platform'],
    ['@nestjs/common', 'libs/pipeline'],
  ])('%s is not %s', async (name, folder) => {
    const errors = await errorsOf(`${folder}/src/canary.ts`, importing(name));
    expect(errors).toEqual([expect.stringMatching(/room-boundaries: .* is not allowed to import .*belongs to one room/)]);
  });
});

describe('inside a room', () => {
  it('the environment is read by configuration only', async () => {
    const text = 'export const url = process.env.DATABASE_URL;\n';
    expect(await errorsOf('apps/api/src/canary.ts', text)).toEqual([expect.stringContaining('config schema')]);
    expect(await errorsOf('apps/api/src/canary.config.ts', text)).toEqual([]);
    expect(await errorsOf('apps/api/src/canary.ts', "import { env } from 'node:process';\nexport { env };\n")).toEqual([
      expect.stringContaining('config schema'),
    ]);
  });

  it('the folders of libs/platform do not import each other', async () => {
    expect(await errorsOf('libs/platform/src/db/canary.ts', importing('../webhooks/index.ts'))).toEqual([
      expect.stringContaining('neighbours'),
    ]);
    expect(await errorsOf('libs/platform/src/db/canary.ts', importing('../errors/index.ts'))).toEqual([]);
  });

  it('logs go through the logger', async () => {
    expect(await errorsOf('libs/generation/src/canary.ts', "console.log('claimed');\n")).toEqual([expect.stringMatching(/^no-console/)]);
  });

  it('no test silences the others, no comment a rule', async () => {
    const text = "import { it } from 'vitest';\nit.only('runs alone', () => undefined);\n";
    expect(await errorsOf('libs/graph/src/canary.spec.ts', text)).toEqual([expect.stringContaining('silences all others')]);
    const silenced = `/* eslint-${'disable'} no-console */\nconsole.log('claimed');\n`;
    expect(await errorsOf('libs/graph/src/canary.ts', silenced)).toContainEqual(expect.stringMatching(/^no-console/));
  });
});

it('rules know the types: a promise nobody waits for is an error', { timeout: 60_000 }, async () => {
  // On CI the parser would take the file from the disk and not look at the text it is given.
  const parserOptions = { disallowAutomaticSingleRunInference: true };
  const typed = new ESLint({ cwd: root, overrideConfig: { languageOptions: { parserOptions } } });
  const [result] = await typed.lintText('async function work() {}\nwork();\n', { filePath: join(root, 'tools/canary.medium.spec.ts') });
  expect(result?.messages.map((message) => message.ruleId)).toEqual(['@typescript-eslint/no-floating-promises']);
});
