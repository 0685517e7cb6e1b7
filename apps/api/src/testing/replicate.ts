/** Replicate's own client against a test API, and inputs for it. */
import Replicate from 'replicate';
import { picture, type TestApi } from './api.ts';

export type ClientOptions = NonNullable<ConstructorParameters<typeof Replicate>[0]>;

export const clientOf = (api: TestApi, options: ClientOptions = {}): Replicate =>
  new Replicate({ baseUrl: `${api.url}/v1`, auth: api.tenant.key, ...options });

/** Nothing is fetched from there before a worker begins. */
export const PHOTO = 'https://93.184.215.14/a.jpg';
let inputs = 0;
/** Each is another one, so that no request is taken for a copy. */
export const freshInput = () => ({ image: PHOTO, prompt: `a person, ${++inputs}` });

export const pictureBlob = async (width = 80) => new Blob([new Uint8Array(await picture(width))], { type: 'image/jpeg' });
