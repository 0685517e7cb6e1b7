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
  const missing = (key: string) => new WeightError('weight_missing', `${source.name} has no tensor "${key}".`);
  const { learning } = source;
  return {
    name: source.name,
    fingerprint: `${source.fingerprint} ${how}`,
    keys,
    has: (key) => through(key, (name) => source.has(name)) ?? false,
    shape: (key) => through(key, (name) => source.shape(name)),
    place: (key) => through(key, (name) => source.place(name)),
    read(key, shape) {
      const values = through(key, (name) => source.read(name, shape));
      if (!values) throw missing(key);
      return values;
    },
    learning: learning && {
      has: (key) => through(key, (name) => learning.has(name)) ?? false,
      input(graph, key, shape) {
        const value = through(key, (name) => learning.input(graph, name, shape));
        if (!value) throw missing(key);
        return value;
      },
      update: (key, next) => through(key, (name) => learning.update(name, next)),
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

/**
 * The parts of a checkpoint that an index divides. @throws WeightError `weight_missing` when a part lacks a key that the index gives
 * it, `weight_unused` when it has one that the index gives to none or to another part
 */
export function sharded(index: string, owners: ReadonlyMap<string, WeightSource>): WeightSource {
  for (const [key, part] of owners) {
    if (!part.has(key)) throw new WeightError('weight_missing', `${part.name} has no tensor "${key}", which ${index} places there.`);
  }
  const parts = [...new Set(owners.values())];
  for (const part of parts) {
    const stray = part.keys?.find((key) => owners.get(key) !== part);
    if (stray !== undefined) throw new WeightError('weight_unused', `${part.name}: "${stray}" is not placed there by ${index}.`);
  }
  return {
    name: index,
    fingerprint: parts.map(({ fingerprint }) => fingerprint).join(' + '),
    keys: [...owners.keys()],
    has: (key) => owners.has(key),
    shape: (key) => owners.get(key)?.shape(key),
    place: (key) => owners.get(key)?.place(key),
    read(key, shape) {
      const part = owners.get(key);
      if (!part) throw new WeightError('weight_missing', `${index} has no tensor "${key}".`);
      return part.read(key, shape);
    },
  };
}
