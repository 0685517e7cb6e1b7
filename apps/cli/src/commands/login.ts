import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { CliError } from '../failure.ts';
import { Client } from '../server/client.ts';
import { saveConnection } from '../server/connection.ts';

export const loginCommand = () =>
  new Command('login')
    .description('remember a server and its API key for `likeness jobs`')
    .argument('<url>')
    .option('--key <key>', 'the API key; read from standard input when absent')
    .action(async (url: string, { key }: { key?: string }) => {
      if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
        throw new CliError('validation_failed', `"${url}" is no http(s) URL.`);
      const connection = { url, api_key: key ?? (await readKey()) };
      await new Client(connection).check();
      console.log(`saved in ${await saveConnection(connection)}`);
    });

async function readKey(): Promise<string> {
  const input = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const key = (await input.question('API key: ')).trim();
    if (key === '') throw new CliError('unauthenticated', 'No API key was given.');
    return key;
  } finally {
    input.close();
  }
}
