import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rooms } from './rooms.mjs';

/** One text file of the repository, by its path from the root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Files over the line budget, each with the reason why it is one file. */
const longFiles: Record<string, string> = {
  'libs/generation/src/generation.store.medium.spec.ts': 'a block for every change of state, in the order of the store',
};

const handlerBudget = 40;
const fileBudget = 400;
const architectureBudget = 800;
const scriptBudget = 10;

// Spelled in parts, so that this file does not trip over itself.
const markers = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK'].join('|')})\\b`);
const silencers = new RegExp(['eslint-' + 'disable', '@ts-' + 'ignore', '@ts-' + 'nocheck'].join('|'));

/** Everything the fences look at: code, SQL, manifests. */
export function readTree(root: string): SourceFile[] {
  const patterns = ['{libs,apps}/*/{src/**/*,package.json}', '{tools,bench,e2e,prisma,deploy}/**/*', '*.{ts,mjs,json}', '.ci/*'];
  const skipped = ['dist', 'node_modules', 'generated', 'fixtures'];
  return globSync(patterns, { cwd: root, exclude: (name) => skipped.includes(name) })
    .filter((path) => /\.(ts|tsx|mjs|js|css|html|sql|prisma|yml|yaml|sh)$|package\.json$|\.ci\/run$/.test(path))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** What no linter knows about this house. Each violation names the place and says what to do instead. */
export function fenceViolations(files: readonly SourceFile[]): string[] {
  const roomOf = roomsByPackage(files);
  return files.flatMap((file) => [...lengthViolations(file), ...wordViolations(file), ...manifestViolations(file, roomOf)]);
}

function lengthViolations({ path, text }: SourceFile): string[] {
  if (!/\.(ts|tsx|mjs)$/.test(path)) return [];
  const lines = text.trimEnd().split('\n').length;
  if (path.endsWith('.handler.ts') && lines > handlerBudget) {
    return [
      `${path}: ${lines} lines; a handler is an adapter of at most ${handlerBudget}. Move the work into a function that knows no queue, and test it there.`,
    ];
  }
  const budget = path.startsWith('libs/models/src/architectures/') ? architectureBudget : fileBudget;
  if (lines > budget && longFiles[path] === undefined) {
    return [
      `${path}: ${lines} lines, over the budget of ${budget}. Split it where the subject changes, or enter it in longFiles (tools/fences.ts) with the reason.`,
    ];
  }
  return [];
}

function wordViolations({ path, text }: SourceFile): string[] {
  return text.split('\n').flatMap((line, index) => {
    const at = `${path}:${index + 1}`;
    const marker = markers.exec(line)?.[0];
    const silencer = silencers.exec(line)?.[0];
    return [
      ...(marker ? [`${at}: "${marker}". Finish it now, or open an issue and leave the code whole.`] : []),
      ...(silencer
        ? [`${at}: "${silencer}". Repair the cause, or change the rule for everyone in eslint.config.mjs with its reason.`]
        : []),
    ];
  });
}

interface Manifest {
  readonly name?: string;
  readonly scripts?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly nx?: { readonly tags?: readonly string[] };
}

function manifestViolations({ path, text }: SourceFile, roomOf: ReadonlyMap<string, string>): string[] {
  if (!path.endsWith('package.json')) return [];
  const manifest = JSON.parse(text) as Manifest;
  if (path === 'package.json') {
    const scripts = Object.keys(manifest.scripts ?? {});
    if (scripts.length <= scriptBudget) return [];
    return [`${path}: ${scripts.length} scripts, at most ${scriptBudget}. Give an existing command an argument instead.`];
  }
  const name = roomTagged(manifest);
  const room = name === undefined ? undefined : rooms[name];
  if (!room) return [`${path}: needs exactly one Nx tag "room:NAME" of tools/rooms.mjs, has ${JSON.stringify(manifest.nx?.tags ?? [])}.`];

  const allowed = (dependency: string) =>
    dependency.startsWith('@likeness/')
      ? room.imports.includes(roomOf.get(dependency) ?? '')
      : room.packages.some((pattern) => (pattern.endsWith('/*') ? dependency.startsWith(pattern.slice(0, -1)) : dependency === pattern));
  return Object.keys(manifest.dependencies ?? {})
    .filter((dependency) => !allowed(dependency))
    .map(
      (dependency) =>
        `${path}: "${dependency}" has no place in room:${name}. It lives in another room (tools/rooms.mjs): use that room's package.`,
    );
}

function roomsByPackage(files: readonly SourceFile[]): Map<string, string> {
  const manifests = files.filter(({ path }) => path.endsWith('package.json')).map(({ text }) => JSON.parse(text) as Manifest);
  return new Map(manifests.map((manifest) => [manifest.name ?? '', roomTagged(manifest) ?? '']));
}

function roomTagged({ nx }: Manifest): string | undefined {
  const [tag, ...others] = (nx?.tags ?? []).filter((name) => name.startsWith('room:'));
  return others.length > 0 ? undefined : tag?.slice('room:'.length);
}
