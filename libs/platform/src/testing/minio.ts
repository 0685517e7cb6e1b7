import { homedir } from 'node:os';
import { join } from 'node:path';
import { findOnPath, isExecutable, ServerMissing, startServer, type TestServer } from './server.ts';

const ACCESS_KEY = 'likeness';
const SECRET_KEY = 'likeness-tests';
const BUCKET = 'likeness-tests';

/**
 * An S3 server, as an OBJECT_STORE_URL whose bucket may not exist yet. The running one of S3_URL when that is set (shared: keep
 * to keys of your own), else an empty MinIO from LIKENESS_MINIO, PATH or the cache folder that `npm test` builds it into.
 * @throws ServerMissing
 */
export async function startMinio(): Promise<TestServer> {
  const running = process.env['S3_URL'];
  if (running) return { url: objectStoreUrl(running), stop: async () => undefined };
  const cached = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'likeness', 'bin', 'minio');
  const program = process.env['LIKENESS_MINIO'] ?? findOnPath('minio') ?? (isExecutable(cached) ? cached : undefined);
  if (program === undefined) throw new ServerMissing('no S3 server: set S3_URL, or LIKENESS_MINIO to the path of a minio binary');
  const server = await startServer({
    name: 'minio',
    command: (port, folder) => [program, 'server', '--quiet', '--address', `127.0.0.1:${port}`, join(folder, 'data')],
    env: { MINIO_ROOT_USER: ACCESS_KEY, MINIO_ROOT_PASSWORD: SECRET_KEY, MINIO_BROWSER: 'off', MINIO_UPDATE: 'off' },
    answers: async (port) => (await fetch(`http://127.0.0.1:${port}/minio/health/ready`)).ok,
  });
  return { url: objectStoreUrl(`http://${ACCESS_KEY}:${SECRET_KEY}@127.0.0.1:${server.port}/${BUCKET}`), stop: server.stop };
}

/** `http://ACCESS_KEY:SECRET_KEY@HOST:PORT/BUCKET` in the words of OBJECT_STORE_URL. */
function objectStoreUrl(address: string): string {
  const { protocol, username, password, host, pathname } = new URL(address);
  return `s3://${username}:${password}@${host}${pathname}?ssl=${protocol === 'https:'}`;
}
