import type { Tensor } from '@likeness/inference';

/** A decoded picture: `data` is [height, width, channels]. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What goes into a case and comes out of it; a map where a whole file of tensors is expected. */
export type Value = Tensor | Picture | ReadonlyMap<string, Tensor> | Json;

const isObject = (value: Value): value is Exclude<Value, null | boolean | number | string> => typeof value === 'object' && value !== null;

export const isTensor = (value: Value): value is Tensor =>
  isObject(value) && 'dtype' in value && 'dims' in value && ArrayBuffer.isView((value as Tensor).data);
export const isPicture = (value: Value): value is Picture =>
  isObject(value) && 'channels' in value && ArrayBuffer.isView((value as Picture).data);
export const isTensorMap = (value: Value): value is ReadonlyMap<string, Tensor> => value instanceof Map;
