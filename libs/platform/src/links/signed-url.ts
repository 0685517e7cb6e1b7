/** Links that are their own permission: an HMAC over method, path and expiry. Artifacts are read and uploads are put with them, without a key. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LikenessError } from '@likeness/contracts';
import { z } from 'zod';

export const SignedQuery = z.object({ expires: z.string().optional(), signature: z.string().optional() });
export type SignedQuery = z.infer<typeof SignedQuery>;

export interface Signer {
  /** The absolute URL of a path, good for this many seconds. A GET link is also good for HEAD. */
  sign(method: 'GET' | 'PUT', path: string, seconds: number): { url: string; expiresAt: Date };
  /** @throws LikenessError `not_found` for a link that was not made here, `data_expired` for one that ran out */
  verify(method: 'GET' | 'PUT', path: string, query: SignedQuery): void;
}

export function createSigner(secret: string, publicUrl: string, now: () => number = Date.now): Signer {
  const signatureOf = (method: string, path: string, expires: string) =>
    createHmac('sha256', secret).update(`${method}\n${path}\n${expires}`).digest('base64url');
  return {
    sign: (method, path, seconds) => {
      const expires = Math.floor(now() / 1000) + seconds;
      const url = `${publicUrl}${path}?expires=${expires}&signature=${signatureOf(method, path, String(expires))}`;
      return { url, expiresAt: new Date(expires * 1000) };
    },
    verify: (method, path, { expires = '', signature = '' }) => {
      const [given, wanted] = [Buffer.from(signature), Buffer.from(signatureOf(method, path, expires))];
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
        throw new LikenessError('not_found', 'This link was not made by this service, or was changed.');
      }
      if (Number(expires) * 1000 <= now()) {
        throw new LikenessError('data_expired', `This link ran out at ${new Date(Number(expires) * 1000).toISOString()}.`);
      }
    },
  };
}
