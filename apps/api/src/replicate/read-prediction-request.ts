/** The body of a prediction as the body of a generation. The names are those of `PREDICTION_NAMES`; the values are the same. */
import {
  isId,
  PREDICTION_NAMES,
  PREDICTION_SCHEDULERS,
  type CreatePrediction,
  type FieldError,
  type PackSummary,
  type PredictionEvent,
  type PredictionInput,
} from '@likeness/contracts';
import { fromJson, type CreateRequest } from '../generations/read-create-request.ts';
import { refused } from '../http/contract.ts';

/** @throws LikenessError `validation_failed`, `image_unreadable` */
export function toCreateRequest(prediction: CreatePrediction, pack: PackSummary, publicUrl: string): CreateRequest {
  const { input, webhook, webhook_events_filter, stream: _always, ...rest } = prediction;
  const body = {
    ...rest,
    input: { ...toGenerationInput(input, publicUrl), pack: pack.name },
    ...(webhook === undefined ? {} : { webhook, webhook_events_filter: toWebhookEvents(webhook_events_filter) }),
  };
  return { ...fromJson(body), webhookFormat: 'replicate' };
}

/** Under our own names. @throws LikenessError `validation_failed` where an input is given under two of its names */
export function toGenerationInput(input: PredictionInput, publicUrl: string): Record<string, unknown> {
  const given = new Map<string, unknown>(Object.entries(input));
  const twice: FieldError[] = [];
  for (const [ours, theirs] of Object.entries(PREDICTION_NAMES)) {
    const [name, other] = [ours, ...theirs].filter((one) => given.has(one));
    if (name === undefined) continue;
    if (other !== undefined) twice.push({ pointer: `/input/${other}`, detail: `is the same as ${name}; give one of them` });
    const value = given.get(name);
    given.delete(name);
    given.set(ours, ours === 'reference_images' ? [value].flat().map((picture) => ownFile(picture, publicUrl)) : value);
  }
  if (twice.length > 0) throw refused(twice);
  const { scheduler, format, ...others } = Object.fromEntries(given);
  return {
    ...others,
    ...(format === undefined ? {} : { format: format === 'jpg' ? 'jpeg' : format }),
    ...(scheduler === undefined ? {} : { scheduler: schedulers.get(scheduler) ?? scheduler }),
  };
}

const schedulers = new Map<unknown, string>(Object.entries(PREDICTION_SCHEDULERS));

/** The address of a file of ours is the file: nothing is fetched. */
function ownFile(picture: unknown, publicUrl: string): unknown {
  const start = `${publicUrl}/v1/files/`;
  if (typeof picture !== 'string' || !picture.startsWith(start)) return picture;
  const [id = ''] = picture.slice(start.length).split(/[/?]/);
  return isId('upload', id) ? id : picture;
}

/** Absent: all. The pictures come with the end, so whoever wants `output` is told of it. */
function toWebhookEvents(filter: readonly PredictionEvent[] = ['start', 'logs', 'completed']): string[] {
  const events = { start: 'started', logs: 'progress', output: 'completed', completed: 'completed' } as const;
  return [...new Set(filter.map((name) => events[name]))];
}
