/** Which server `likeness jobs` talks to: the one of `LIKENESS_URL` and `LIKENESS_API_KEY`, else the one kept in the user's configuration folder. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { configFolder, serverOfEnvironment } from '../cli.config.ts';
import { CliError } from '../failure.ts';

const Connection = z.object({ url: z.url(), api_key: z.string().min(1) });
export type Connection = z.infer<typeof Connection>;

const connectionFile = (): string => join(configFolder(), 'connection.json');

/** The file holds a secret: only its owner may read it. */
export async function saveConnection(connection: Connection): Promise<string> {
  const file = connectionFile();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${JSON.stringify(connection, null, 2)}\n`, { mode: 0o600 });
  await chmod(file, 0o600); // an existing file keeps its mode on write
  return file;
}

export async function loadConnection(): Promise<Connection> {
  const ofEnvironment = Connection.safeParse(serverOfEnvironment());
  if (ofEnvironment.success) return ofEnvironment.data;
  const file = connectionFile();
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new CliError('unauthenticated', 'No server is known yet: run `likeness login URL --key KEY` first.');
    throw cause;
  });
  const parsed = Connection.safeParse(JSON.parse(text));
  if (!parsed.success) throw new CliError('unauthenticated', `${file} is malformed: run \`likeness login\` again.`);
  return parsed.data;
}
