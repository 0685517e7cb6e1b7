/** `likeness init`: the secrets of a new installation, as the environment file that `docker compose` reads. */
import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { newId } from '@likeness/contracts';
import { Command } from 'commander';

const random = (): string => randomBytes(32).toString('hex');
/** As the service makes them (libs/platform/src/keys and webhooks), whose room this one does not enter; a test holds the two together. */
const apiKey = (): string => `lk_${newId('key').slice('key_'.length)}_${randomBytes(32).toString('base64url')}`;
const webhookSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** In the order of the file. Hexadecimal where a value becomes a part of a URL. */
export const secrets: readonly (readonly [name: string, make: () => string, meaning: string])[] = [
  ['DATA_KEY_SECRET', random, 'opens every stored object: whoever loses it has lost them. Keep a copy elsewhere.'],
  ['SIGNING_SECRET', random, 'signs the links to artifacts'],
  ['POSTGRES_PASSWORD', random, 'of the database'],
  ['REDIS_PASSWORD', random, 'of the queue'],
  ['OBJECT_STORE_PASSWORD', random, 'of the object store'],
  ['GRAFANA_PASSWORD', random, 'of the dashboards, user "admin"'],
  ['LIKENESS_API_KEY', apiKey, 'the key of your shop'],
  ['LIKENESS_ADMIN_KEY', apiKey, 'the key of the operator'],
  ['LIKENESS_METRICS_KEY', apiKey, 'reads figures and nothing else'],
  ['LIKENESS_WEBHOOK_SECRET', webhookSecret, 'signs webhooks until it is rotated through the API'],
];

export const initCommand = () =>
  new Command('init')
    .description('make the secrets of an installation; in a file that is there, only those that it lacks')
    .option('--out <file>', 'the environment file', '.env')
    .action(async ({ out }: { out: string }) => {
      const text = await readFile(out, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        return '';
      });
      const missing = secrets.filter(([name]) => !new RegExp(`^\\s*${name}=.`, 'm').test(text));
      const made = missing.map(([name, make, meaning]) => `# ${meaning}\n${name}=${make()}\n`);
      const separator = text === '' || text.endsWith('\n') ? '' : '\n';
      await writeFile(out, text + separator + made.join(''), { mode: 0o600 });
      await chmod(out, 0o600); // an existing file keeps its mode on write
      console.log(`${out}: ${made.length} secrets made, ${secrets.length - made.length} kept`);
    });
