import { fileURLToPath } from 'node:url';
import { openDirectoryStore } from './directory-store.ts';
import type { ObjectStore } from './object-store.ts';
import { openS3Store } from './s3-store.ts';

/** The store that an OBJECT_STORE_URL names. Touches nothing yet. @throws RangeError for another kind of URL */
export function openObjectStore(url: string): ObjectStore {
  const parsed = new URL(url);
  if (parsed.protocol === 'file:') return openDirectoryStore(fileURLToPath(parsed));
  if (parsed.protocol === 's3:') return openS3Store(parsed);
  throw new RangeError(`${parsed.protocol} is no kind of object store; file: and s3: are`);
}
