import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { refuse } from './errors.ts';
import { OpenFile } from './file-bytes.ts';
import { readZip } from './zip.ts';

/**
 * Unpacks one entry, in whichever folder of the archive it lies, to `target`, where it appears whole or not at all. Not a byte more is
 * unpacked than the directory promises. @throws WeightError `checkpoint_refused` when the archive or the entry's hash is wrong
 */
export async function unzipEntry(archive: string, name: string, target: string, sha256: string): Promise<void> {
  const file = new OpenFile(archive);
  const entries = (() => {
    try {
      return [...readZip(file, { deflated: true })].filter(([path]) => path === name || path.endsWith(`/${name}`));
    } finally {
      file.close();
    }
  })();
  const [found, ...others] = entries;
  if (!found || others.length > 0) throw refuse(archive, name, found ? 'stands in several folders' : 'is not in the archive');
  const [path, { start, length, unpacked, isDeflated }] = found;

  const partial = `${target}.${randomUUID()}.partial`;
  const hash = createHash('sha256');
  let count = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      count += chunk.length;
      hash.update(chunk);
      done(count > unpacked ? refuse(archive, path, `unpacks to more than the ${unpacked} bytes it claims`) : null, chunk);
    },
  });
  try {
    // a stream's end is inclusive, so that nothing at all has none
    const stored = length === 0 ? Readable.from([]) : createReadStream(archive, { start, end: start + length - 1 });
    await pipeline(stored, isDeflated ? createInflateRaw() : new PassThrough(), counted, createWriteStream(partial, { flags: 'wx' }));
    if (count !== unpacked) throw refuse(archive, path, `unpacks to ${count} bytes, not the ${unpacked} it claims`);
    const digest = hash.digest('hex');
    if (digest !== sha256) throw refuse(archive, path, `has the SHA-256 ${digest}, not ${sha256}`);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw refuse(archive, path, `is damaged: ${(error as Error).message}`);
    throw error;
  }
}
