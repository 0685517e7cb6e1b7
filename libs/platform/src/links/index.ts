export { createSigner, SignedQuery, type Signer } from './signed-url.ts';
