/** The text that is signed and sent, by the format that the delivery names. */
import type { Delivery } from './deliveries.store.ts';
import type { Parts } from './parts.ts';

/** `standard`: the body that was made with the event. A format that makes its body when it is sent reads what it needs here. */
const formats: Readonly<Record<string, (parts: Parts, delivery: Delivery) => Promise<string>>> = {
  standard: async (_parts, { body }) => JSON.stringify(body),
};

export function webhookBody(parts: Parts, delivery: Delivery): Promise<string> {
  const make = formats[delivery.format];
  if (!make) throw new Error(`there is no webhook format ${delivery.format}`);
  return make(parts, delivery);
}
