/**
 * Makes a clone runnable, and costs a moment when it already is. Needs a Node from 20 on and npm, nothing else:
 * this file runs before anything is installed, so it imports only Node itself.
 *
 *   node tools/setup.mjs                      set up
 *   node tools/setup.mjs --then FILE args…    set up, then run FILE on the Node 24 that was just installed
 *
 * In order: dependencies (npm), the database client (prisma generate), the build (Nx; for commands that run from dist).
 * Each step first looks whether it is needed, says one line when it is, and shows output only on failure.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants as os, homedir, tmpdir } from 'node:os';
import { delimiter, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'node_modules', '.bin');
const node = join(bin, 'node');

/** Commands that run from `dist`. The others build themselves, when and what they need. */
const needBuild = ['tools/start.ts', 'bench/main.ts', 'e2e/faults/main.ts', 'apps/cli/dist/main.js'];

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, dependencies?: Record<string, string>, devDependencies?: Record<string, string>, optionalDependencies?: Record<string, string> }} LockEntry
 * @typedef {{ packages: Record<string, LockEntry> }} Lockfile
 */

/**
 * Splits the command line: everything after `--then FILE` belongs to FILE.
 * @param {string[]} argv
 * @returns {{ file: string | undefined, args: string[] }}
 */
export function parseArguments(argv) {
  if (argv.length === 0) return { file: undefined, args: [] };
  const [flag, file, ...args] = argv;
  if (flag !== '--then' || !file) throw new Error(`expected "--then FILE [arguments]", got "${argv.join(' ')}"`);
  return { file, args };
}

/**
 * Whether the lockfile still says what the manifests ask for. Only the dependency lists count: a changed script is no reason to install.
 * @param {Lockfile} lock the parsed package-lock.json
 * @param {Record<string, LockEntry>} manifests package.json by workspace folder ('' is the root)
 */
export function lockMatchesManifests(lock, manifests) {
  const lists = /** @type {const} */ (['dependencies', 'devDependencies', 'optionalDependencies']);
  return Object.entries(manifests).every(([folder, manifest]) =>
    lists.every((list) => sameEntries(lock.packages[folder]?.[list] ?? {}, manifest[list] ?? {})),
  );
}

/**
 * Names what the lockfile asks for and node_modules lacks, by the list npm leaves there when an installation has ended well.
 * Optional packages (other platforms' binaries) may be absent.
 * @param {Lockfile} lock the parsed package-lock.json
 * @param {Lockfile | undefined} installed the parsed node_modules/.package-lock.json
 * @returns {string[]}
 */
export function missingPackages(lock, installed) {
  return Object.entries(lock.packages)
    .filter(([path]) => path.includes('node_modules/'))
    .filter(([path, wanted]) => {
      const present = installed?.packages[path];
      return present ? present.version !== wanted.version : !wanted.optional;
    })
    .map(([path]) => path);
}

/**
 * The environment of everything that is started from here: our Node and tools first on PATH, and nothing that phones home.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function childEnvironment(env) {
  return {
    ...env,
    PATH: [bin, env['PATH']].filter(Boolean).join(delimiter),
    CHECKPOINT_DISABLE: '1', // Prisma's update check
    DO_NOT_TRACK: '1',
    NX_DAEMON: 'false', // no process may outlive the command
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    ORT_DISABLE_TELEMETRY: '1',
    // `prisma generate` needs no schema engine, but downloads one unless it is told where one is.
    PRISMA_SCHEMA_ENGINE_BINARY: ['/bin/true', '/usr/bin/true'].find(existsSync) ?? process.execPath,
  };
}

/**
 * The first of the usual cache folders that can be written: HOME may be missing or read-only in a container.
 * @param {NodeJS.ProcessEnv} env
 */
export function cacheFolder(env) {
  const candidates = [env['XDG_CACHE_HOME'], join(homedir(), '.cache'), tmpdir()].filter((folder) => folder !== undefined && folder !== '');
  for (const candidate of candidates) {
    const folder = join(/** @type {string} */ (candidate), 'likeness');
    try {
      mkdirSync(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      continue; // not writable: the next candidate
    }
  }
  throw new Error(`no writable cache folder among ${candidates.join(', ')}`);
}

async function setUp() {
  await installDependencies();
  await generateDatabaseClient();
}

async function installDependencies() {
  const lock = readJson('package-lock.json');
  const folders = ['', ...Object.keys(lock.packages).filter((path) => path !== '' && !path.includes('node_modules/'))];
  const manifests = Object.fromEntries(folders.map((folder) => [folder, readJson(join(folder, 'package.json'))]));
  const locked = lockMatchesManifests(lock, manifests);
  if (locked && missingPackages(lock, readJsonIfThere('node_modules/.package-lock.json')).length === 0 && existsSync(node)) return;

  // `npm install` brings the lockfile up to date after an edited package.json; on CI that is a mistake to report, not to repair.
  const command = locked || process.env['CI'] === 'true' ? 'ci' : 'install';
  await step(`installing dependencies (npm ${command})`, 'npm', [command, '--no-audit', '--no-fund', '--loglevel=error'], npmEnvironment());
  if (!existsSync(node)) throw new Error(`npm finished, but ${node} is missing: run "npm ci" by hand to see why`);
}

function npmEnvironment() {
  const env = childEnvironment(process.env);
  if (env['npm_config_cache'] && isWritable(env['npm_config_cache'])) return env;
  return isWritable(join(homedir(), '.npm')) ? env : { ...env, npm_config_cache: join(cacheFolder(process.env), 'npm') };
}

async function generateDatabaseClient() {
  const generated = join(root, 'libs/platform/src/db/generated');
  const stampFile = join(generated, '.sources.sha256');
  const sources = ['prisma/schema.prisma', 'prisma.config.ts', 'node_modules/prisma/package.json'];
  const stamp = hashFiles(sources.map((file) => join(root, file)));
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  // Prisma notes its first use under HOME, to ask for feedback later: it gets one of its own.
  const env = { ...childEnvironment(process.env), HOME: join(root, '.cache', 'prisma') };
  await step('generating the database client (prisma generate)', join(bin, 'prisma'), ['generate', '--no-hints'], env);
  writeFileSync(stampFile, stamp);
}

async function build() {
  // Nx needs a second to find that nothing changed; the times and sizes of the sources tell it in milliseconds.
  const stampFile = join(root, '.nx', 'built.sha256');
  const stamp = sourcesStamp(root);
  const built = packageFolders(root).every((path) => existsSync(join(path, 'dist')));
  if (built && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  await step('building what is stale (nx)', join(bin, 'nx'), ['run-many', '--targets=build', '--output-style=static']);
  writeFileSync(stampFile, stamp); // of before the build: a source that changed meanwhile leads to another one
}

/**
 * One value for the state of everything that a build reads.
 * @param {string} folder the repository
 */
export function sourcesStamp(folder) {
  const files = [
    ...['package-lock.json', 'nx.json', 'tsconfig.base.json', 'prisma/schema.prisma'].map((file) => join(folder, file)),
    ...packageFolders(folder).flatMap((path) => [
      join(path, 'package.json'),
      join(path, 'tsconfig.json'),
      ...sourceFiles(join(path, 'src')),
    ]),
  ];
  const hash = createHash('sha256');
  for (const path of files) {
    const { mtimeMs, size } = statSync(path);
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

/** @param {string} folder the repository */
function packageFolders(folder) {
  const members = ['libs', 'apps'].flatMap((group) => readdirSync(join(folder, group)).map((name) => join(folder, group, name)));
  return members.filter((path) => existsSync(join(path, 'package.json')));
}

/** @param {string} folder */
function sourceFiles(folder) {
  const names = /** @type {string[]} */ (readdirSync(folder, { recursive: true }));
  return names.filter((name) => extname(name) !== '' && !name.endsWith('.spec.ts')).map((name) => join(folder, name));
}

/** @type {import('node:child_process').ChildProcess | undefined} */
let current;
/** @type {NodeJS.Signals | undefined} */
let interruptedBy;

/**
 * Runs one command of the set-up; its output is shown only when it fails.
 * @param {string} announcement
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function step(announcement, command, args, env = childEnvironment(process.env)) {
  const started = performance.now();
  say(`${announcement} …`);
  const chunks = /** @type {Buffer[]} */ ([]);
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  const code = await exitOf(child);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  if (code !== 0) {
    process.stderr.write(Buffer.concat(chunks));
    throw new Error(`"${command} ${args.join(' ')}" ended with code ${code} after ${seconds} s`);
  }
  say(`${announcement}: ${seconds} s`);
}

/**
 * Runs the target with our terminal, our signals and its exit code.
 * @param {string} file relative to the repository root
 * @param {string[]} args
 */
async function runTarget(file, args) {
  const child = spawn(node, [join(root, file), ...args], { cwd: root, env: childEnvironment(process.env), stdio: 'inherit' });
  process.exitCode = await exitOf(child);
}

/**
 * Resolves with the exit code, in the shell's way (128 + number) when a signal ended the child.
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<number>}
 */
async function exitOf(child) {
  current = child;
  if (interruptedBy) child.kill(interruptedBy);
  const [code, signal] = await new Promise((settle, fail) => {
    child.once('error', fail);
    child.once('close', (...outcome) => settle(outcome));
  });
  current = undefined;
  return code ?? 128 + (signal ? os.signals[/** @type {NodeJS.Signals} */ (signal)] : 0);
}

function forwardSignals() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      interruptedBy = signal;
      current?.kill(signal); // after Ctrl-C the child has it from the terminal as well: targets take a repeated signal as one
    });
  }
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`likeness: ${line}\n`);
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(join(root, file), 'utf8'));
}

/** @param {string} file */
function readJsonIfThere(file) {
  return existsSync(join(root, file)) ? readJson(file) : undefined;
}

/** @param {string[]} files */
function hashFiles(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/**
 * @param {Record<string, string>} left
 * @param {Record<string, string>} right
 */
function sameEntries(left, right) {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

/** @param {string} folder */
function isWritable(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { file, args } = parseArguments(process.argv.slice(2));
    forwardSignals();
    await setUp();
    if (file !== undefined && needBuild.includes(file)) await build();
    if (interruptedBy) process.exitCode = 128 + os.signals[interruptedBy];
    else if (file !== undefined) await runTarget(file, args);
  } catch (error) {
    say(`set-up failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = interruptedBy ? 128 + os.signals[interruptedBy] : 1;
  }
}
