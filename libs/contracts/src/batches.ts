/** Many generations in one request, and how far they are. */
import { z } from 'zod';
import { CancelAfter, GenerationInput, IsoDuration, Metadata, PRIORITIES, text, WebhookUrl } from './generation-request.ts';
import { FieldError, JobError } from './errors.ts';
import { STATUSES } from './generation-response.ts';
import { id } from './ids.ts';

export const BATCH_MAX_ITEMS = 1_000;

/** The client's own name for an item, unique in its batch. */
const CustomId = text(1, 255);

/** What holds for every item that does not say otherwise. */
export const BatchDefaults = z
  .strictObject({
    input: GenerationInput.partial().optional(),
    metadata: Metadata.optional(),
    priority: z.enum(PRIORITIES).optional(),
    retention: IsoDuration.optional(),
    cancel_after: CancelAfter.optional(),
  })
  .meta({ id: 'BatchDefaults' });

/** One item with the defaults filled in. */
export const BatchItemRequest = z.strictObject({ custom_id: CustomId, input: GenerationInput, metadata: Metadata.optional() });

/** The body of `POST /v1/batches`. The items are looked at one by one afterwards: one that is wrong is rejected, not its batch. */
export const CreateBatch = z.strictObject({
  items: z
    .array(z.looseObject({ custom_id: CustomId }))
    .min(1)
    .max(BATCH_MAX_ITEMS),
  defaults: BatchDefaults.optional(),
  webhook: WebhookUrl.optional(),
});
export type CreateBatch = z.infer<typeof CreateBatch>;

/** The same as clients write it. */
export const CreateBatchBody = CreateBatch.extend({
  items: z
    .array(BatchItemRequest.extend({ input: GenerationInput.partial() }).meta({ id: 'BatchItemRequest' }))
    .min(1)
    .max(BATCH_MAX_ITEMS),
}).meta({ id: 'CreateBatch' });

export const BatchStatus = z.enum(['processing', 'completed', 'canceled']);
export type BatchStatus = z.infer<typeof BatchStatus>;

/** Query of lists of batches and of their items. */
export const ListBatches = z.strictObject({
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const time = z.iso.datetime();

export const Batch = z
  .object({
    id: id('batch'),
    object: z.literal('batch'),
    status: BatchStatus.describe('`completed` or `canceled` once nothing of it is under way any more'),
    counts: z
      .object({
        total: z.int(),
        accepted: z.int(),
        rejected: z.int(),
        succeeded: z.int(),
        failed: z.int(),
        canceled: z.int().describe('canceled or expired'),
      })
      .describe('total = accepted + rejected; of the accepted, those that are in no other count are under way'),
    cancel_requested_at: time.nullable(),
    created_at: time,
    completed_at: time.nullable(),
    urls: z.object({ get: z.url(), items: z.url(), cancel: z.url() }),
  })
  .meta({ id: 'Batch' });
export type Batch = z.infer<typeof Batch>;
export const BatchList = z.object({ data: z.array(Batch), next_cursor: z.string().nullable() }).meta({ id: 'BatchList' });

export const BatchItem = z
  .object({
    custom_id: z.string(),
    status: z.enum(['accepted', 'rejected', ...STATUSES]).describe('the generation’s; `accepted` when that is not kept any more'),
    generation_id: id('generation').nullable(),
    error: JobError.extend({ errors: z.array(FieldError).optional() })
      .nullable()
      .describe('why the item was rejected, or why its generation did not succeed'),
  })
  .meta({ id: 'BatchItem' });
export type BatchItem = z.infer<typeof BatchItem>;
export const BatchItemList = z.object({ data: z.array(BatchItem), next_cursor: z.string().nullable() }).meta({ id: 'BatchItemList' });
