/** What a route asks of a request, declared beside its handler and enforced before the body is read (`edge.ts`). */
import type { Scope } from '@likeness/contracts';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { Principal } from './api-keys.ts';

export interface RoutePolicy {
  /** `public`: anyone. `signed`: the link is the permission. `local`: any key, or none from this machine. Otherwise the scope that a key needs. */
  readonly access: 'public' | 'signed' | 'local' | Scope;
  /** Media types of the body; absent for a route that takes none; `*` for one that judges the type itself. */
  readonly consumes?: readonly string[] | '*';
  /** Media type of the answer, for `Accept`: application/json unless said; `*` for whatever was stored. */
  readonly produces?: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    policy?: RoutePolicy;
  }
  interface FastifyRequest {
    /** Set wherever the policy asks for a key. */
    principal: Principal | null;
  }
}

export const Policy = (policy: RoutePolicy) => RouteConfig({ policy });
