/**
 * The edge: every request passes these gates in this order, before its body is read.
 *
 *   request id → Accept → API key and scope → rate limit → Content-Type and size → handler
 */
import { isIP } from 'node:net';
import { BODY_MAX_BYTES, errors, LikenessError, type Scope } from '@likeness/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from './api-keys.ts';
import type { RoutePolicy } from './policy.ts';
import type { RateLimit } from './rate-limit.ts';

export interface EdgeParts {
  readonly authenticate: (authorization: string | undefined) => Promise<Principal>;
  readonly limitRate: (tenantId: string, perMinute: number) => RateLimit;
  /** Whether `local` routes are open to everyone. */
  readonly metricsPublic: boolean;
}

export function guardEdge(instance: FastifyInstance, parts: EdgeParts): void {
  instance.decorateRequest('principal', null);
  instance.decorateRequest('charge', () => undefined);
  instance.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    const { policy } = request.routeOptions.config;
    if (!policy) return; // no such route: the not-found handler answers
    checkAccept(request, policy);
    request.principal = await authorize(request, policy, parts);
    const { principal } = request;
    if (principal && !principal.scopes.has('admin'))
      request.charge = () => limit(reply, parts.limitRate(principal.tenantId, principal.rateLimitPerMinute));
    if (policy.chargedBy !== 'handler') request.charge();
    checkBody(request, policy);
  });
}

/** The tenant whose key the request bears; only for routes whose policy asks for a scope. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new LikenessError('unauthenticated', errors.unauthenticated.title);
  return request.principal;
}

function checkAccept({ headers: { accept } }: FastifyRequest, { produces = 'application/json' }: RoutePolicy): void {
  if (accept === undefined || produces === '*') return;
  const [type] = produces.split('/');
  const acceptable = accept.split(',').some((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    return ['*/*', `${type}/*`, produces].includes(name) && !parameters.some((p) => /^q=0(\.0*)?$/.test(p));
  });
  if (!acceptable)
    throw new LikenessError('not_acceptable', `Accept: ${accept} leaves nothing to answer with; this resource is ${produces}.`);
}

async function authorize(request: FastifyRequest, { access, basic }: RoutePolicy, parts: EdgeParts): Promise<Principal | null> {
  if (access === 'public' || access === 'signed') return null;
  const { authorization } = request.headers;
  if (access === 'local' && authorization === undefined && (parts.metricsPublic || isLocal(request))) return null;
  const principal = await parts.authenticate(basic ? bearerOf(authorization) : authorization);
  if (access !== 'local' && !hasScope(principal, access)) {
    throw new LikenessError(
      'insufficient_scope',
      `This needs the scope ${access}; the key has ${[...principal.scopes].join(', ') || 'none'}.`,
    );
  }
  return principal;
}

/** HTTP Basic with the key as the password, as Bearer; the user's name does not matter. */
function bearerOf(authorization: string | undefined): string | undefined {
  const encoded = /^Basic +([\w+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return authorization;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  return `Bearer ${text.slice(text.indexOf(':') + 1)}`;
}

const hasScope = ({ scopes }: Principal, scope: Scope) => scopes.has(scope) || scopes.has('admin');

/** From this machine and not through a proxy on it, which would speak for others. */
function isLocal({ socket, headers }: FastifyRequest): boolean {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return (address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))) && !headers['x-forwarded-for'] && !headers.forwarded;
}

function limit(reply: FastifyReply, rate: RateLimit): void {
  reply.header('ratelimit-policy', rate.policy).header('ratelimit', rate.state);
  if (rate.allowed) return;
  throw new LikenessError('rate_limited', `The limit ${rate.policy} is reached; the next window opens in ${rate.resetSeconds} s.`, {
    retryAfter: rate.resetSeconds,
  });
}

function checkBody({ method, headers }: FastifyRequest, { consumes, bodyOptional }: RoutePolicy): void {
  const length = Number(headers['content-length'] ?? 0);
  if (length > BODY_MAX_BYTES)
    throw new LikenessError('payload_too_large', `The body has ${length} bytes; at most ${BODY_MAX_BYTES} are read.`);
  if (consumes === undefined || consumes === '*' || method === 'HEAD') return;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined && bodyOptional && length === 0 && headers['transfer-encoding'] === undefined) return;
  if (type === undefined || !consumes.includes(type)) {
    throw new LikenessError(
      'unsupported_media_type',
      `${type === undefined ? 'No Content-Type' : `Content-Type ${type}`} was given; ${consumes.join(' and ')} can be read here.`,
    );
  }
  if (!/^(identity)?$/.test(headers['content-encoding'] ?? '')) {
    throw new LikenessError(
      'unsupported_media_type',
      `Content-Encoding ${headers['content-encoding']} is not read here; send the body as it is.`,
    );
  }
}
