import { LikenessError } from '@likeness/contracts';

/** Keeps bytes under keys. Keys are `/`-separated names; a key becomes visible with all its bytes or not at all. */
export interface ObjectStore {
  /** Replaces what was there. Durable when it resolves. */
  put(key: string, bytes: Uint8Array, options: { readonly contentType: string }): Promise<void>;
  /** @throws ObjectMissing */
  get(key: string): Promise<Uint8Array>;
  /** Null when there is no such object. */
  stat(key: string): Promise<ObjectStat | null>;
  /** What is missing already is removed already. */
  remove(keys: readonly string[]): Promise<void>;
  /** The objects whose keys begin with a text, in no particular order. */
  list(prefix: string): AsyncIterable<ListedObject>;
  /** Whether objects could be kept now. @throws LikenessError `storage_unavailable` with the reason */
  check(): Promise<void>;
}

export interface ObjectStat {
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
}

export interface ListedObject {
  readonly key: string;
  /** When it was last put, by the store's clock. */
  readonly modifiedAt: Date;
}

export class ObjectMissing extends Error {
  override readonly name = 'ObjectMissing';
  readonly key: string;

  constructor(key: string) {
    super(`there is no object ${key}`);
    this.key = key;
  }
}

/** Every failure of a store but a missing object is an outage to its user. */
export function unavailable(action: string, cause: unknown): LikenessError {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new LikenessError('storage_unavailable', `The object store could not ${action}: ${reason}`, { cause });
}

const NAME = /^(?!\.{1,2}$)[\w.=+@-]{1,200}$/;

/** The same keys are allowed in every store: names of letters, digits and `_.=+@-`, so that none can leave a directory. */
export function checkKey(key: string): string {
  if (key.length <= 900 && key.split('/').every((name) => NAME.test(name))) return key;
  throw new RangeError(
    `${JSON.stringify(key.slice(0, 200))} is no object key: names of letters, digits and _.=+@- with / between them are`,
  );
}
