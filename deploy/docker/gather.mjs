/**
 * Lays out what some apps need in order to run, and nothing else: `node deploy/docker/gather.mjs OUT apps/api …`
 * Their own packages as they were built, their production dependencies for this platform, and the data that is read beside them.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [out, ...apps] = process.argv.slice(2);
if (out === undefined || apps.length === 0) throw new Error('usage: node deploy/docker/gather.mjs OUT apps/NAME …');

/** @param {string} folder */
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
/** @param {string} from @param {string} [to] */
const copy = (from, to = from) => cpSync(from, join(out, to), { recursive: true });

const members = globSync('{apps,libs}/*/package.json').map((file) => dirname(file));
const folderOf = new Map(members.map((folder) => [manifestOf(folder).name, folder]));

/** The folders of our packages that a package needs, itself included. @param {string} folder @returns {string[]} */
function needed(folder) {
  const ours = Object.keys(manifestOf(folder).dependencies ?? {}).flatMap((name) => folderOf.get(name) ?? []);
  return [folder, ...ours.flatMap(needed)];
}
const kept = new Set(apps.flatMap(needed));

// npm compares the lockfile with every workspace's manifest, so all are there while it installs.
mkdirSync(out, { recursive: true });
for (const file of ['package.json', 'package-lock.json', '.npmrc', ...members.map((folder) => join(folder, 'package.json'))]) copy(file);
const production = ['--omit=dev', '--omit=peer', ...apps.flatMap((app) => ['--workspace', app])];
/** @param {string[]} args */
const npm = (...args) =>
  execFileSync('npm', [...args, ...production], { cwd: out, maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'] });
npm('ci', '--ignore-scripts');
writeFileSync(join(out, 'sbom.cdx.json'), npm('sbom', '--package-lock-only', '--sbom-format=cyclonedx'));

for (const folder of members) if (!kept.has(folder)) rmSync(join(out, folder), { recursive: true });
for (const folder of kept) {
  for (const part of ['dist', 'assets']) if (existsSync(join(folder, part))) copy(join(folder, part));
}
const dangling = globSync('node_modules/@likeness/*', { cwd: out }).filter((link) => !existsSync(join(out, link, 'package.json')));
for (const link of dangling) rmSync(join(out, link));

// onnxruntime-node brings the libraries of every platform.
const runtime = join(out, 'node_modules/onnxruntime-node/bin/napi-v6');
for (const other of globSync('*/*', { cwd: runtime }).filter((path) => path !== `${process.platform}/${process.arch}`))
  rmSync(join(runtime, other), { recursive: true });

copy('prisma/migrations');
for (const pack of ['nano', 'sketch']) copy(join('packs', pack));
copy('LICENSE');
copy('deploy/docker/healthcheck.mjs', 'healthcheck.mjs');
