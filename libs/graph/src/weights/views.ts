import { WeightError } from './errors.ts';
import type { WeightSource } from './source.ts';

/** The source seen through a change of names: `stored` gives the stored key of a key, undefined where there is none. */
function view(
  source: WeightSource,
  how: string,
  keys: readonly string[] | undefined,
  stored: (key: string) => string | undefined,
): WeightSource {
  const through = <T>(key: string, use: (storedKey: string) => T): T | undefined => {
    const name = stored(key);
    return name === undefined ? undefined : use(name);
  };
  return {
    name: source.name,
    fingerprint: `${source.fingerprint} ${how}`,
    keys,
    has: (key) => through(key, (name) => source.has(name)) ?? false,
    shape: (key) => through(key, (name) => source.shape(name)),
    place: (key) => through(key, (name) => source.place(name)),
    read(key, shape) {
      const values = through(key, (name) => source.read(name, shape));
      if (!values) throw new WeightError('weight_missing', `${source.name} has no tensor "${key}".`);
      return values;
    },
  };
}

/** The part of a source below `prefix` (which includes its dot), named without it. */
export const withoutPrefix = (source: WeightSource, prefix: string): WeightSource =>
  view(
    source,
    `below ${prefix}`,
    source.keys?.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length)),
    (key) => prefix + key,
  );

/** The source with other names: `rename` gives the new name of every one of its keys. Two keys may not get the same name. */
export function renamed(source: WeightSource, keys: readonly string[], rename: (storedKey: string) => string): WeightSource {
  const stored = new Map<string, string>();
  for (const key of keys) {
    const name = rename(key);
    if (stored.has(name))
      throw new WeightError('weight_read_twice', `${source.name}: "${key}" and "${stored.get(name)}" are both "${name}".`);
    stored.set(name, key);
  }
  return view(source, JSON.stringify([...stored]), [...stored.keys()], (key) => stored.get(key));
}

/** Sources side by side; a key is read from the first that has it. */
export function merged(...sources: readonly WeightSource[]): WeightSource {
  const owner = (key: string) => sources.find((source) => source.has(key));
  const keys = sources.every((source) => source.keys) ? [...new Set(sources.flatMap((source) => source.keys ?? []))] : undefined;
  const name = sources.map((source) => source.name).join(' + ');
  return {
    name,
    fingerprint: sources.map((source) => source.fingerprint).join(' + '),
    keys,
    has: (key) => owner(key) !== undefined,
    shape: (key) => owner(key)?.shape(key),
    place: (key) => owner(key)?.place(key),
    read(key, shape) {
      const source = owner(key);
      if (!source) throw new WeightError('weight_missing', `${name} has no tensor "${key}".`);
      return source.read(key, shape);
    },
  };
}
