/** Server-sent events as a shop reads them: comes back with the last id that it has until it has heard of the end. */
import type { Client } from '../../tools/stack/client.ts';

export interface StreamedEvent {
  readonly id: number;
  readonly type: string;
  readonly data: unknown;
}

/** Reads one connection to its end, an event at a time. Throws when it breaks. Nothing when there is nothing left to tell (204). */
export async function* readEvents(
  client: Client,
  id: string,
  after: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<StreamedEvent> {
  const response = await fetch(`${client.url}/v1/generations/${id}/events`, {
    headers: { authorization: `Bearer ${client.key}`, ...(after === undefined ? {} : { 'last-event-id': String(after) }) },
    signal,
  });
  if (response.status === 204) return;
  if (response.status !== 200 || !response.body) throw new Error(`the events of ${id}: ${response.status}`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const event = parseEvent(text.slice(0, end));
      text = text.slice(end + 2);
      if (event) yield event;
    }
  }
}

/** Undefined for a comment. */
export function parseEvent(block: string): StreamedEvent | undefined {
  const fields = new Map(
    block
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line) => /^(\w+): ?(.*)$/s.exec(line)?.slice(1) as [string, string]),
  );
  const data = fields.get('data');
  return data === undefined ? undefined : { id: Number(fields.get('id')), type: fields.get('event') ?? 'message', data: JSON.parse(data) };
}
