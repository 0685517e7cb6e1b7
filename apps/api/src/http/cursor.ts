/** The place of a page's end: the id of its last entry, wrapped so that nobody builds on its form. */
import { isId, preview, type Id, type IdKind } from '@likeness/contracts';
import { refused } from './contract.ts';

export const encodeCursor = (id: Id<IdKind>): string => Buffer.from(`1 ${id}`).toString('base64url');

/** @throws LikenessError `validation_failed` for anything this service has not given out */
export function decodeCursor<K extends IdKind>(kind: K | readonly K[], cursor: string): Id<K> {
  const [version, id = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  const kinds: readonly K[] = [kind].flat() as K[];
  for (const one of kinds) if (version === '1' && isId(one, id)) return id;
  throw refused([{ pointer: '?cursor', detail: `must be the next_cursor of a list; got ${preview(cursor)}` }]);
}

/** A page of a list, of rows that have one more than `limit` where there is a next page. */
export async function pageOf<Row extends { readonly id: Id<IdKind> }, Shown>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => Shown | Promise<Shown>,
): Promise<{ data: Shown[]; next_cursor: string | null }> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { data: await Promise.all(page.map(present)), next_cursor: rows.length > limit && last ? encodeCursor(last.id) : null };
}

/** The same for lists in the order of places. */
export const encodePlace = (place: number): string => Buffer.from(`2 ${place}`).toString('base64url');

/** @throws LikenessError `validation_failed` for anything this service has not given out */
export function decodePlace(cursor: string): number {
  const place = /^2 (\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'))?.[1];
  if (place !== undefined) return Number(place);
  throw refused([{ pointer: '?cursor', detail: `must be the next_cursor of a list; got ${preview(cursor)}` }]);
}
