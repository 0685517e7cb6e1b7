import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { defineConfig, globalIgnores } from 'eslint/config';
import ts from 'typescript-eslint';
import { platformFolders, platformFoldersForAll, rooms, testPackages } from './tools/rooms.mjs';

const code = ['{libs,apps}/*/src/**/*.ts', '{tools,bench,e2e}/**/*.ts', '*.config.ts'];
const tests = ['**/*.spec.ts', '**/testing/**/*.ts', 'e2e/**/*.ts'];

/** Nx's rule with its messages completed: what is wrong comes from Nx, what to do instead from us. */
const boundaries = nx.rules['enforce-module-boundaries'];
const advice =
  ' Rooms import only downwards (the table is tools/rooms.mjs, the drawing ARCHITECTURE.md): import another package by its name,' +
  ' move the code to the room that may, or let the app that sees both pass the value in. A new npm package belongs to one room: wrap it there.';
const teachingBoundaries = {
  ...boundaries,
  meta: {
    ...boundaries.meta,
    messages: Object.fromEntries(Object.entries(boundaries.meta.messages).map(([id, message]) => [id, message + advice])),
  },
};

const environmentAdvice =
  'Add the variable to the app’s config schema (*.config.ts) and take the parsed value as an argument: configuration is read once.';
const environmentImport = { name: 'node:process', importNames: ['env'], message: environmentAdvice };

export default defineConfig(
  globalIgnores(['**/dist/', '**/generated/', '**/coverage/', '.nx/', '.likeness/', '.cache/']),
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' } },

  // One program over the whole tree (the root tsconfig) gives every rule its types.
  {
    files: code,
    extends: [js.configs.recommended, ts.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-implicit-coercion': ['error', { boolean: false }],
      'object-shorthand': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true, boolean: true } }],
      '@typescript-eslint/promise-function-async': 'off',
      '@typescript-eslint/require-await': 'off', // an interface's promise needs no await inside
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true, allow: ['Error', 'URL', 'URLSearchParams'] },
      ],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/unbound-method': 'off', // our objects are closures, made to be taken apart
      // Numeric loops over typed arrays prove their bounds by their shapes; noUncheckedIndexedAccess would ask for a check per element.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },

  // The fences between the rooms.
  {
    files: ['{libs,apps}/*/src/**/*.ts'],
    plugins: { likeness: { rules: { 'room-boundaries': teachingBoundaries } } },
    rules: {
      'likeness/room-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          depConstraints: Object.entries(rooms).map(([room, { imports, packages }]) => ({
            sourceTag: `room:${room}`,
            onlyDependOnLibsWithTags: [room, ...imports].map((name) => `room:${name}`),
            allowedExternalImports: [...packages, ...testPackages],
          })),
        },
      ],
      'no-console': ['error'],
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: environmentAdvice,
        },
      ],
      'no-restricted-imports': ['error', { paths: [environmentImport] }],
    },
  },
  ...platformFolders.map((folder) => ({
    files: [`libs/platform/src/${folder}/**/*.ts`],
    ignores: tests,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [environmentImport],
          patterns: [
            {
              regex: `^(\\.\\./)+(?!(${[folder, ...platformFoldersForAll].join('|')})/)(${platformFolders.join('|')})/`,
              message: `The folders of libs/platform are neighbours that do not know each other (but for ${platformFoldersForAll.join(', ')}). Take what you need as an argument and let libs/generation or the app join the two.`,
            },
          ],
        },
      ],
    },
  })),
  // Configuration is read where it is declared; the inference process is configured by its environment (ONNX Runtime's telemetry
  // switch exists as a variable only). What a command line prints is its result.
  {
    files: ['**/*.config.ts', 'libs/platform/src/config/**/*.ts', 'libs/inference/src/{inference-host,session}.ts', ...tests],
    rules: { 'no-restricted-properties': 'off' },
  },
  { files: ['apps/cli/src/**/*.ts', ...tests], rules: { 'no-console': 'off' } },

  {
    files: tests,
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off', // Vitest's matchers (expect.any and its like) are typed any
      'no-restricted-syntax': [
        'error',
        {
          selector: 'MemberExpression[object.name=/^(describe|it|test)$/][property.name="only"]',
          message: 'Run one test with "npm test -- PATH -t NAME"; a committed ".only" silences all others.',
        },
      ],
    },
  },

  // Scripts that run before anything is built carry their types in JSDoc; tsc checks them, ESLint only needs the plain rules.
  {
    files: ['**/*.mjs'],
    extends: [js.configs.recommended],
    rules: { 'no-undef': 'off' }, // tsc knows the globals
  },
);
