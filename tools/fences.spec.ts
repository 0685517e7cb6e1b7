import { describe, expect, it } from 'vitest';
import { fenceViolations, readTree } from './fences.ts';
import { root } from './processes.ts';

const lines = (count: number) => 'const line = 1;\n'.repeat(count);
const violationsOf = (path: string, text: string) => fenceViolations([{ path, text }]);
const manifest = (content: object) => JSON.stringify(content);

describe('the fences', () => {
  it('hold in this repository', () => {
    const files = readTree(root);
    expect(files.length).toBeGreaterThan(50);
    expect(fenceViolations(files)).toEqual([]);
  });

  it('give a handler 40 lines', () => {
    const path = 'apps/parsing-worker/src/parse-face.handler.ts';
    expect(violationsOf(path, lines(40))).toEqual([]);
    expect(violationsOf(path, lines(41))).toEqual([expect.stringContaining(`${path}: 41 lines; a handler is an adapter`)]);
  });

  it('give a file 400 lines and an architecture 800', () => {
    expect(violationsOf('libs/graph/src/graph.ts', lines(400))).toEqual([]);
    expect(violationsOf('libs/graph/src/graph.ts', lines(401))).toEqual([expect.stringContaining('over the budget of 400')]);
    expect(violationsOf('libs/models/src/architectures/unet.ts', lines(800))).toEqual([]);
    expect(violationsOf('libs/models/src/architectures/unet.ts', lines(801))).toEqual([expect.stringContaining('over the budget of 800')]);
  });

  it.each(['TO' + 'DO: later', 'FIX' + 'ME', 'eslint-' + 'disable-next-line', '@ts-' + 'ignore'])('let no "%s" through', (word) => {
    expect(violationsOf('libs/graph/src/graph.ts', `const a = 1;\n// ${word}\n`)).toEqual([
      expect.stringMatching(/^libs\/graph\/src\/graph\.ts:2: /),
    ]);
  });

  it('keep a dependency in its one room', () => {
    const ofGraph = (dependencies: object) => ({
      path: 'libs/graph/package.json',
      text: manifest({ nx: { tags: ['room:graph'] }, dependencies }),
    });
    const contracts = {
      path: 'libs/contracts/package.json',
      text: manifest({ name: '@likeness/contracts', nx: { tags: ['room:contracts'] }, dependencies: { zod: '4' } }),
    };
    expect(fenceViolations([contracts, ofGraph({})])).toEqual([]);
    expect(fenceViolations([contracts, ofGraph({ sharp: '1' })])).toEqual([expect.stringContaining('"sharp" has no place in room:graph')]);
    expect(fenceViolations([contracts, ofGraph({ '@likeness/contracts': '*' })])).toEqual([
      expect.stringContaining('"@likeness/contracts" has no place in room:graph'),
    ]);
  });

  it.each([[[]], [['room:attic']], [['room:graph', 'room:models']]])('refuse the room tags %j', (tags) => {
    expect(violationsOf('libs/graph/package.json', manifest({ nx: { tags } }))).toEqual([
      expect.stringContaining('needs exactly one Nx tag'),
    ]);
  });

  it('allow ten npm scripts', () => {
    const scripts = (count: number) => manifest({ scripts: Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, 'x'])) });
    expect(violationsOf('package.json', scripts(10))).toEqual([]);
    expect(violationsOf('package.json', scripts(11))).toEqual([expect.stringContaining('11 scripts')]);
  });
});
