import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Values, valuesSchema } from './chart.ts';

const helm = new URL('../deploy/helm/', import.meta.url);
const read = (file: string) => parse(readFileSync(new URL(file, helm), 'utf8')) as Tree;
type Tree = { [name: string]: unknown };

/** As Helm lays one set of values over the other. */
const over = (base: Tree, top: Tree): Tree =>
  Object.entries(top).reduce(
    (all, [name, value]) => ({ ...all, [name]: isTree(value) && isTree(all[name]) ? over(all[name], value) : value }),
    base,
  );
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

const defaults = read('likeness/values.yaml');
const examples = readdirSync(new URL('examples/', helm));

describe('the values of the chart', () => {
  /** `npx vitest run --project unit tools/chart.spec.ts -u` writes it anew. */
  it('have the schema that the configuration asks for', async () => {
    await expect(valuesSchema()).toMatchFileSnapshot('../deploy/helm/likeness/values.schema.json');
  });

  it.each(examples)('of %s are taken', (example) => {
    expect(Values.safeParse(over(defaults, read(`examples/${example}`))).error).toBeUndefined();
  });

  it.each([
    [{ workers: { diffusion: { config: { DRAIN_SECONDS: 'soon' } } } }, 'workers.diffusion.config.DRAIN_SECONDS'],
    [{ workers: { diffusion: { config: { DATABASE_URL: 'postgres://u:p@h/d' } } } }, 'workers.diffusion.config'],
    [{ config: { SIGNING_SECRET: 'x'.repeat(32) } }, 'config'],
    [{ config: { LOG_LEVEL: 'loud' } }, 'config.LOG_LEVEL'],
    [{ workers: { upscaling: {} } }, 'workers'],
    [{ api: { replicas: 'abc' } }, 'api.replicas'],
    [{ publicUrl: 'portraits.example.com/' }, 'publicUrl'],
  ])('are refused with %j', (wrong, where) => {
    expect(Values.safeParse(over(defaults, wrong)).error?.issues.map(({ path }) => path.join('.'))).toEqual([where]);
  });

  it('are refused wherever one has a kind that it cannot have', () => {
    const kinds: Record<string, unknown> = { string: 'abc', number: -1.5, boolean: true, array: [null], object: { unknown: 1 } };
    const kindOf = (value: unknown) => (Array.isArray(value) ? 'array' : typeof value);
    const place = fc.constantFrom(...leaves(defaults));
    fc.assert(
      fc.property(place, fc.constantFrom(...Object.keys(kinds)), (path, kind) => {
        fc.pre(kind !== kindOf(at(defaults, path)) && !isFree(path));
        expect(
          Values.safeParse(over(defaults, nested(path, kinds[kind]))).success,
          `${path.join('.')} = ${JSON.stringify(kinds[kind])}`,
        ).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

const leaves = (tree: Tree, path: readonly string[] = []): string[][] =>
  Object.entries(tree).flatMap(([name, value]) =>
    isTree(value) && Object.keys(value).length > 0 ? leaves(value, [...path, name]) : [[...path, name]],
  );
const at = (tree: Tree, path: readonly string[]) => path.reduce<unknown>((value, name) => (value as Tree)[name], tree);
const nested = (path: readonly string[], value: unknown): Tree =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Tree;
/** Objects of Kubernetes' own, and quantities, which are text or numbers. */
const isFree = (path: readonly string[]) => path.some((name) => ['volume', 'affinity', 'requests', 'limits'].includes(name));
