import { LikenessError, PICTURE_MAX_BYTES, preview } from '@likeness/contracts';
import { EgressError, type Egress } from '@likeness/platform/egress';

const FETCH_TIMEOUT_MS = 15_000;

/** The bytes at a client's URL. @throws LikenessError `input_fetch_failed`, `input_url_blocked`, `image_unreadable` */
export async function fetchPicture(egress: Egress, url: string): Promise<Uint8Array> {
  const response = await egress
    .fetch(url, { timeoutMs: FETCH_TIMEOUT_MS, maxBytes: PICTURE_MAX_BYTES, blockedCode: 'input_url_blocked' })
    .catch((error: unknown) => {
      if (!(error instanceof EgressError)) throw error;
      throw new LikenessError('input_fetch_failed', error.message, { cause: error });
    });
  const { origin, pathname } = new URL(url); // its query may be a secret
  const picture = preview(origin + pathname);
  if (response.status !== 200) throw new LikenessError('input_fetch_failed', `${picture} answered ${response.status}, not 200.`);
  if (response.truncated) throw new LikenessError('image_unreadable', `${picture} has more than ${PICTURE_MAX_BYTES} bytes.`);
  return response.body;
}
