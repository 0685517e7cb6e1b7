import type { Links } from '@likeness/generation';
import type { Parts } from '../parts.ts';

export const linksOf = ({ config, signer }: Pick<Parts, 'config' | 'signer'>): Links => ({
  publicUrl: config.PUBLIC_URL,
  signer,
  seconds: config.ARTIFACT_URL_SECONDS,
});
