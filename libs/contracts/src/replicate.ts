/**
 * The Replicate-compatible face of the API: predictions, files, models and versions in the shapes that Replicate's client libraries
 * read. Everything here is another spelling of what the native contract says; `PREDICTION_NAMES` is the whole dictionary.
 */
import { z } from 'zod';
import { CreateGeneration, FORMATS, GenerationInput, ReferenceImage, SCHEDULERS, WebhookUrl } from './generation-request.ts';

/** Who owns the models: a pack `sketch` is the model `likeness/sketch`. */
export const MODEL_OWNER = 'likeness';
export const modelOf = (pack: string): string => `${MODEL_OWNER}/${pack}`;
/** A version is found by its id alone, so the id names the pack too. */
export const versionIdOf = (pack: { readonly name: string; readonly version: string }): string => `${pack.name}-${pack.version}`;

/** Our name of an input → the names that Replicate's models use for it. The first one is how a prediction shows it. */
export const PREDICTION_NAMES = {
  reference_images: ['image', 'reference_image', 'input_image'],
  num_images: ['num_outputs'],
  steps: ['num_inference_steps'],
  format: ['output_format'],
} as const;

/** Schedulers as Replicate's models spell them. */
export const PREDICTION_SCHEDULERS = {
  K_EULER: 'euler',
  K_EULER_ANCESTRAL: 'euler_ancestral',
  DDIM: 'ddim',
  DPMSolverMultistep: 'dpmpp_2m',
  KarrasDPM: 'dpmpp_2m_karras',
  UniPCMultistep: 'unipc',
  LCM: 'lcm',
  PNDM: 'pndm',
} as const satisfies Record<string, (typeof SCHEDULERS)[number]>;
const replicateSchedulers = Object.keys(PREDICTION_SCHEDULERS) as (keyof typeof PREDICTION_SCHEDULERS)[];

const { pack: _theModel, reference_images, scheduler: _ours, ...own } = GenerationInput.shape;
const image = ReferenceImage.meta({
  description: 'the person: an https: URL, the `urls.get` of a file, or a data: URI (base64)',
  format: 'uri',
});

/** Each input may be given under one of its names. */
export const PredictionInput = z
  .strictObject({
    image: image.optional(),
    reference_image: image.optional().describe('the same as `image`'),
    input_image: image.optional().describe('the same as `image`'),
    reference_images: reference_images.optional().describe('1–4 pictures; the first one is the reference'),
    ...own,
    num_outputs: own.num_images.describe('the same as `num_images`'),
    num_inference_steps: own.steps.describe('the same as `steps`'),
    output_format: z
      .enum([...FORMATS, 'jpg'])
      .optional()
      .describe('the same as `format`'),
    scheduler: z.enum([...SCHEDULERS, ...replicateSchedulers]).optional(),
  })
  .meta({ id: 'PredictionInput' });
export type PredictionInput = z.infer<typeof PredictionInput>;

export const PREDICTION_EVENTS = ['start', 'output', 'logs', 'completed'] as const;
export type PredictionEvent = (typeof PREDICTION_EVENTS)[number];

const { priority, metadata, retention, cancel_after } = CreateGeneration.shape;
/** `POST /v1/models/{owner}/{name}/predictions`, and of a deployment. */
export const CreatePrediction = z
  .strictObject({
    input: PredictionInput,
    webhook: WebhookUrl.optional(),
    webhook_events_filter: z.array(z.enum(PREDICTION_EVENTS)).min(1).optional().describe('absent: all of them'),
    stream: z.boolean().optional().describe('accepted and not needed: every prediction can be streamed'),
    priority,
    metadata,
    retention,
    cancel_after,
  })
  .meta({ id: 'CreatePrediction' });
export type CreatePrediction = z.infer<typeof CreatePrediction>;

/** `POST /v1/predictions`. */
export const CreateVersionPrediction = CreatePrediction.extend({
  version: z.string().max(200).describe('the id of a version, `owner/name:version`, `owner/name`, or the name of a pack'),
}).meta({ id: 'CreateVersionPrediction' });

const time = z.iso.datetime();
const url = z.url();

/** A generation as Replicate's clients know it. The id is the generation's. */
export const Prediction = z
  .object({
    id: z.string(),
    model: z.string(),
    version: z.string(),
    input: z.record(z.string(), z.unknown()).describe('with the defaults filled in; empty once the data is removed'),
    output: z.array(url).nullable().describe('one signed link for each picture'),
    error: z.string().nullable(),
    status: z.enum(['starting', 'processing', 'succeeded', 'failed', 'canceled']),
    logs: z.string(),
    metrics: z.object({ predict_time: z.number().optional(), total_time: z.number().optional() }).describe('seconds'),
    source: z.literal('api'),
    data_removed: z.boolean(),
    created_at: time,
    started_at: time.nullable(),
    completed_at: time.nullable(),
    deadline: time.optional(),
    webhook: z.string().optional(),
    webhook_events_filter: z.array(z.enum(PREDICTION_EVENTS)).optional(),
    urls: z.object({ get: url, cancel: url, stream: url.describe('signed: needs no key, runs out'), web: url }),
  })
  .meta({ id: 'Prediction' });
export type Prediction = z.infer<typeof Prediction>;

/** An upload as Replicate's clients know it. */
export const ReplicateFile = z
  .object({
    id: z.string(),
    name: z.string(),
    content_type: z.string(),
    size: z.int(),
    etag: z.string(),
    checksums: z.object({ sha256: z.string() }),
    metadata: z.record(z.string(), z.unknown()),
    created_at: time,
    expires_at: time.nullable(),
    urls: z.object({ get: url, download: url.describe('signed: needs no key, runs out') }),
  })
  .meta({ id: 'ReplicateFile' });
export type ReplicateFile = z.infer<typeof ReplicateFile>;

/** What may be kept with a file: a JSON object of at most this many bytes. */
export const FILE_METADATA_MAX_BYTES = 10_000;

export const ModelVersion = z
  .object({
    id: z.string(),
    created_at: time,
    cog_version: z.string(),
    openapi_schema: z.record(z.string(), z.unknown()).describe('OpenAPI with the schemas Input and Output'),
  })
  .meta({ id: 'ModelVersion' });
export type ModelVersion = z.infer<typeof ModelVersion>;

export const Model = z
  .object({
    url,
    owner: z.string(),
    name: z.string(),
    description: z.string(),
    visibility: z.literal('private'),
    github_url: z.null(),
    paper_url: z.null(),
    license_url: z.null(),
    cover_image_url: z.null(),
    run_count: z.int().describe('0: runs are not counted'),
    default_example: z.null(),
    latest_version: ModelVersion,
  })
  .meta({ id: 'Model' });
export type Model = z.infer<typeof Model>;

export const Account = z.object({ type: z.literal('organization'), username: z.string(), name: z.string() }).meta({ id: 'Account' });
export type Account = z.infer<typeof Account>;

const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ previous: url.nullable(), next: url.nullable().describe('absolute; null on the last page'), results: z.array(item) });
export const PredictionPage = pageOf(Prediction).meta({ id: 'PredictionPage' });
export type PredictionPage = z.infer<typeof PredictionPage>;
export const ReplicateFilePage = pageOf(ReplicateFile).meta({ id: 'ReplicateFilePage' });
export type ReplicateFilePage = z.infer<typeof ReplicateFilePage>;
export const ModelVersionPage = pageOf(ModelVersion).meta({ id: 'ModelVersionPage' });
export type ModelVersionPage = z.infer<typeof ModelVersionPage>;
export const ModelPage = pageOf(Model).meta({ id: 'ModelPage' });
export type ModelPage = z.infer<typeof ModelPage>;

/** A page's query; `next` brings the cursor. */
export const PageQuery = z.strictObject({ cursor: z.string().max(256).optional() });
export type PageQuery = z.infer<typeof PageQuery>;
