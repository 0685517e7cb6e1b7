export { createEgress, EgressError, type Egress, type EgressRequest, type EgressResponse, type Resolver } from './egress.ts';
export type { EgressConfig } from './policy.ts';
