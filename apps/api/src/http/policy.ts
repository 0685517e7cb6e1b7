/** What a route asks of a request, declared beside its handler and enforced before the body is read (`edge.ts`). */
import type { Scope } from '@likeness/contracts';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { Principal } from './api-keys.ts';

export interface RoutePolicy {
  /** `public`: anyone. `signed`: the link is the permission. `local`: any key, or none from this machine. Otherwise the scope that a key needs. */
  readonly access: 'public' | 'signed' | 'local' | Scope;
  /** Media types of the body; absent for a route that takes none; `*` for one that judges the type itself. */
  readonly consumes?: readonly string[] | '*';
  /** A request without a body is taken, too. */
  readonly bodyOptional?: true;
  /** Media type of the answer, for `Accept`: application/json unless said; `*` for whatever was stored. */
  readonly produces?: string;
  /** A browser may send the key as the password of HTTP Basic. */
  readonly basic?: true;
  /** The handler counts the request against the rate limit (`request.charge`): it knows whether the same was sent a moment ago. */
  readonly chargedBy?: 'handler';
  /** Refusals do not repeat what was sent: clients are known to send their key in the body by mistake. */
  readonly silent?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    policy?: RoutePolicy;
  }
  interface FastifyRequest {
    /** Set wherever the policy asks for a key. */
    principal: Principal | null;
    /** Counts the request against its tenant's rate limit; the edge does it unless the policy leaves it to the handler. @throws LikenessError `rate_limited` */
    charge: () => void;
  }
}

export const Policy = (policy: RoutePolicy) => RouteConfig({ policy });
