import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { describeVariables } from '@likeness/platform/config';
import { packFolders } from '@likeness/pipeline';
import { WorkerConfig } from '@likeness/worker';
import { ApiVariables, readApiConfig } from '../apps/api/src/api.config.ts';
import { DataSecretVariables, readSetupConfig, SetupVariables } from '../apps/api/src/setup/setup.config.ts';
import { secrets } from '../apps/cli/src/commands/init.ts';
import { DispatcherConfig } from '../apps/dispatcher/src/dispatcher.config.ts';

const apps = {
  'apps/api, setup.js': SetupVariables,
  'apps/api, change-data-secret.js': DataSecretVariables,
  'apps/api': ApiVariables,
  'apps/dispatcher': DispatcherConfig,
  'apps/*-worker': WorkerConfig,
};

/** `npx vitest run --project unit tools/configuration.spec.ts -u` writes it anew. */
it('docs/configuration.md says what the schemas say', async () => {
  const tables = Object.entries(apps).map(([app, schema]) => {
    const rows = describeVariables(schema).map(
      ({ name, fallback, description, secret }) =>
        `| \`${name}\` | ${fallback === undefined ? '' : `\`${fallback || '(empty)'}\``} | ${description}${secret ? ' · **secret**' : ''} |`,
    );
    return [`## \`${app}\``, '', '| variable | default | meaning |', '|---|---|---|', ...rows, ''].join('\n');
  });
  const intro = `# Configuration

Every process reads its environment once, at the start, through one schema; what is missing or wrong is named in one message, and nothing starts. \`npm start\` sets all of this itself.
This page is written from the schemas.
`;
  await expect([intro, ...tables].join('\n')).toMatchFileSnapshot('../docs/configuration.md');
});

const required = {
  DATABASE_URL: 'postgres://localhost/likeness',
  OBJECT_STORE_URL: 'file:///objects',
  SIGNING_SECRET: 'a secret for tests of 32 characters or more',
  DATA_KEY_SECRET: 'another secret for tests, as long as that',
};

it.each([{}, { PACKS_DIR: '/srv/packs' }])('the API offers the packs that workers find, with %j', (env) => {
  const folders = (dirs: readonly string[]) => dirs.map((dir) => resolve(dir));
  expect(folders(readApiConfig({ ...required, ...env }).packDirs)).toEqual(folders(packFolders(env)));
});

it('what `likeness init` makes is taken, in production too', () => {
  const made = Object.fromEntries(secrets.map(([name, make]) => [name, make()]));
  const env = {
    ...required,
    ...made,
    DATABASE_URL: `postgres://likeness:${made['POSTGRES_PASSWORD']}@db/likeness`,
    NODE_ENV: 'production',
  };
  expect(readSetupConfig(env)).toMatchObject({
    LIKENESS_API_KEY: made['LIKENESS_API_KEY'],
    LIKENESS_WEBHOOK_SECRET: made['LIKENESS_WEBHOOK_SECRET'],
  });
  expect(readApiConfig(env)).toMatchObject({ SIGNING_SECRET: made['SIGNING_SECRET'] });
});
