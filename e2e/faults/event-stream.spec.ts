import { expect, it } from 'vitest';
import { parseEvent } from './event-stream.ts';

it.each([
  ['id: 3\nevent: status\ndata: {"status":"queued"}', { id: 3, type: 'status', data: { status: 'queued' } }],
  [': ping', undefined],
  [': a comment\nid: 4\nevent: completed\ndata: {"text":"a: b"}', { id: 4, type: 'completed', data: { text: 'a: b' } }],
])('%j is read', (block, event) => {
  expect(parseEvent(block)).toEqual(event);
});
