/** Objects in a bucket of any server that speaks S3. */
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'minio';
import { checkKey, ObjectMissing, unavailable, type ObjectStore } from './object-store.ts';

/** A server that is silent for this long is away; a slow one that goes on sending is not. */
const SILENCE_MS = 10_000;
const RETRY_AFTER_MS = [100, 400];

/** @param url `s3://ACCESS_KEY:SECRET_KEY@host:port/bucket?ssl=true&region=us-east-1`, these being the defaults */
export function openS3Store(url: URL): ObjectStore {
  const bucket = decodeURIComponent(url.pathname.slice(1));
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw new RangeError(`${JSON.stringify(bucket)} is no bucket name`);
  const client = connect(url);
  const makeBucket = async () => {
    if (!(await client.bucketExists(bucket))) await client.makeBucket(bucket);
  };

  return {
    put: async (key, bytes, { contentType }) => {
      checkKey(key);
      const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const put = () => client.putObject(bucket, key, body, body.length, { 'Content-Type': contentType });
      await attempt(`keep ${key}`, () =>
        put().catch(async (error: unknown) => {
          if ((error as { code?: unknown }).code !== 'NoSuchBucket') throw error;
          await makeBucket(); // a fresh server: nobody has asked for its health yet
          return put();
        }),
      );
    },
    get: async (key) => {
      checkKey(key);
      const bytes = await attempt(`read ${key}`, async () => {
        const stream = await orMissing(client.getObject(bucket, key));
        return stream && Buffer.concat(await stream.toArray());
      });
      if (!bytes) throw new ObjectMissing(key);
      return bytes;
    },
    stat: async (key) => {
      checkKey(key);
      const found = await attempt(`read ${key}`, () => orMissing(client.statObject(bucket, key)));
      return found ? { size: found.size, contentType: String(found.metaData['content-type']) } : null;
    },
    remove: async (keys) => {
      const names = keys.map(checkKey);
      const results = names.length === 0 ? [] : await attempt('remove objects', () => client.removeObjects(bucket, names));
      const failed = results.find((result) => result?.Error);
      if (failed) throw unavailable(`remove ${failed.Error?.Key}`, failed.Error?.Message);
    },
    async *list(prefix) {
      try {
        const items = client.listObjectsV2(bucket, prefix, true) as AsyncIterable<{ name?: string; lastModified?: Date }>;
        for await (const { name, lastModified } of items) {
          if (name !== undefined && lastModified !== undefined) yield { key: name, modifiedAt: lastModified };
        }
      } catch (error) {
        throw unavailable(`list ${prefix}`, error);
      }
    },
    check: () => attempt(`find the bucket ${bucket}`, makeBucket),
  };
}

function connect(url: URL): Client {
  const ssl = url.searchParams.get('ssl') !== 'false';
  const { request, Agent } = ssl ? https : http;
  return new Client({
    endPoint: url.hostname,
    port: url.port === '' ? (ssl ? 443 : 80) : Number(url.port),
    useSSL: ssl,
    accessKey: decodeURIComponent(url.username),
    secretKey: decodeURIComponent(url.password),
    region: url.searchParams.get('region') ?? 'us-east-1',
    transport: { request: endingWhenSilent(request) },
    transportAgent: new Agent({ keepAlive: true }),
    retryOptions: { disableRetry: true }, // it knows nothing of broken connections, and prints; `attempt` does it instead
  });
}

function endingWhenSilent(request: typeof http.request): typeof http.request {
  return (...args: unknown[]) => {
    const sent = (request as (...args: unknown[]) => http.ClientRequest)(...args);
    return sent.setTimeout(SILENCE_MS, () => sent.destroy(new Error(`no answer within ${SILENCE_MS / 1000} s`)));
  };
}

/** Every operation here may be repeated. What the server has refused is not. */
async function attempt<T>(action: string, operation: () => Promise<T>): Promise<T> {
  for (const wait of RETRY_AFTER_MS) {
    try {
      return await operation();
    } catch (error) {
      if (!mayPass(error)) throw unavailable(action, error);
      await sleep(wait);
    }
  }
  return operation().catch((error: unknown) => {
    throw unavailable(action, error);
  });
}

/** Broken connections, and the answers that minio marks so: 408, 429, 5xx. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && /^E[A-Z]+$/.test(String(error.code))) || error.message.includes('Retryable HTTP status');
}

async function orMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'NoSuchKey' || error.code === 'NotFound')) return undefined;
    throw error;
  }
}
