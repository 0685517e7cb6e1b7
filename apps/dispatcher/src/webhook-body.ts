/** The text that is signed and sent, by the format that the delivery names. */
import { findPrediction, presentPrediction } from '@likeness/generation';
import type { Delivery } from './deliveries.store.ts';
import type { Parts } from './parts.ts';

/**
 * `standard`: the body that was made with the event, the same at every attempt. `replicate`: the prediction as a GET would show it now,
 * so that its links are good when it arrives, and nothing of a person is kept with the delivery.
 */
const formats: Readonly<Record<string, (parts: Parts, delivery: Delivery) => Promise<string>>> = {
  standard: async (_parts, { body }) => JSON.stringify(body),
  replicate: async ({ db, links }, { tenant_id, generation_id }) => {
    const row = generation_id === null ? null : await findPrediction(db, tenant_id, generation_id);
    if (!row) throw new Error(`there is no prediction ${generation_id} to tell about`);
    return JSON.stringify(presentPrediction(row, links));
  },
};

export function webhookBody(parts: Parts, delivery: Delivery): Promise<string> {
  const make = formats[delivery.format];
  if (!make) throw new Error(`there is no webhook format ${delivery.format}`);
  return make(parts, delivery);
}
