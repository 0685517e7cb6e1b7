import { Body, Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { LikenessError, RotateSecret, type DefaultSecret } from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import { contract } from '../http/contract.ts';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { findDefaultSecret, rotateDefaultSecret } from './endpoints.store.ts';

/** The tenant's own secret: signs the webhooks that a request names. */
@Controller('v1/webhooks/default/secret')
export class DefaultSecretController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Get()
  @Policy({ access: 'webhooks:manage' })
  async get(@Req() request: FastifyRequest): Promise<DefaultSecret> {
    return existing(await findDefaultSecret(this.parts.db, principalOf(request).tenantId));
  }

  @Post('rotate')
  @HttpCode(200)
  @Policy({ access: 'webhooks:manage', consumes: ['application/json'], bodyOptional: true })
  async rotate(
    @Body(contract(RotateSecret.prefault({}))) { overlap_seconds }: RotateSecret,
    @Req() request: FastifyRequest,
  ): Promise<DefaultSecret> {
    return existing(await rotateDefaultSecret(this.parts.db, principalOf(request).tenantId, overlap_seconds));
  }
}

/** A key is remembered for some seconds, its tenant may be gone. */
function existing(secret: DefaultSecret | null): DefaultSecret {
  if (!secret) throw new LikenessError('unauthenticated', 'The API key is unknown or revoked.');
  return secret;
}
