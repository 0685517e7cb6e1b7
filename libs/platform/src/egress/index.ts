export { createEgress, EgressError, type Egress, type EgressRequest, type EgressResponse } from './egress.ts';
export type { EgressConfig } from './policy.ts';
export type { Resolver } from './resolve.ts';
