import { defineConfig } from 'vitest/config';

/** The four rungs: what a test may touch decides its file name, and the file name its project. */
const rung = (name: string, include: string[], extra: object = {}) => ({
  extends: true as const,
  test: { name, include, ...extra },
});

/** What can be said of a system that is seen from outside only (E2E_URL). */
const fromOutside = ['e2e/{batches,cancellation,generation}.e2e.ts'];

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    pool: 'forks',
    env: { ORT_DISABLE_TELEMETRY: '1' },
    exclude: ['**/node_modules/**', '**/dist/**'],
    // A poll ends as soon as it holds; the limit only says how slow a machine may be.
    expect: { poll: { timeout: 15_000 } },
    projects: [
      rung('unit', ['{libs,apps,tools,e2e}/**/*.spec.ts'], {
        exclude: ['**/*.{medium,parity}.spec.ts', '**/node_modules/**', '**/dist/**'],
      }),
      rung('medium', ['{libs,apps,tools,e2e}/**/*.medium.spec.ts'], {
        globalSetup: ['libs/platform/src/testing/global-setup.ts'],
        testTimeout: 60_000,
        hookTimeout: 120_000,
      }),
      rung('parity', ['{libs,apps}/**/*.parity.spec.ts'], { testTimeout: 120_000 }),
      rung('e2e', process.env['E2E_URL'] === undefined ? ['e2e/**/*.e2e.ts'] : fromOutside, {
        testTimeout: 300_000,
        hookTimeout: 300_000,
        fileParallelism: false,
      }),
    ],
  },
});
