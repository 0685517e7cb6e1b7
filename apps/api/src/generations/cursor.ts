/** The place of a page's end: the id of its last generation, wrapped so that nobody builds on its form. */
import { isId, preview, type GenerationId } from '@likeness/contracts';
import { refused } from '../http/contract.ts';

export const encodeCursor = (id: GenerationId): string => Buffer.from(`1 ${id}`).toString('base64url');

/** @throws LikenessError `validation_failed` for anything this service has not given out */
export function decodeCursor(cursor: string): GenerationId {
  const [version, id = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  if (version === '1' && isId('generation', id)) return id;
  throw refused([{ pointer: '?cursor', detail: `must be the next_cursor of a list; got ${preview(cursor)}` }]);
}
