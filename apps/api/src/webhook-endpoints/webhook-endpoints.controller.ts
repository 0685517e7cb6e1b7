import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Req } from '@nestjs/common';
import {
  CreateWebhookEndpoint,
  isId,
  LikenessError,
  ListDeliveries,
  ListWebhookEndpoints,
  MOST_ENDPOINTS,
  RecoverDeliveries,
  RotateSecret,
  UpdateWebhookEndpoint,
  type DeliveryId,
  type EndpointId,
  type WebhookDeliveryList,
  type WebhookEndpoint,
  type WebhookEndpointList,
  type WebhookEndpointWithSecret,
} from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { contract, refused } from '../http/contract.ts';
import { decodeCursor, pageOf } from '../http/cursor.ts';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { listDeliveries, recoverDeliveries } from './deliveries.store.ts';
import {
  deleteEndpoint,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  rotateEndpointSecret,
  testEndpoint,
  updateEndpoint,
  type EndpointRow,
} from './endpoints.store.ts';
import { presentDelivery, presentEndpoint } from './present.ts';

const manage = { access: 'webhooks:manage' } as const;
const manageWithBody = { ...manage, consumes: ['application/json'] } as const;

@Controller('v1/webhook-endpoints')
export class WebhookEndpointsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post()
  @Policy(manageWithBody)
  async create(
    @Body(contract(CreateWebhookEndpoint)) wanted: CreateWebhookEndpoint,
    @Req() request: FastifyRequest,
  ): Promise<WebhookEndpointWithSecret> {
    await this.parts.egress.check(wanted.url, 'webhook_url_blocked');
    const made = await insertEndpoint(this.parts.db, principalOf(request).tenantId, wanted);
    if (!made)
      throw refused([{ pointer: '', detail: `cannot be added: a tenant may have ${MOST_ENDPOINTS} endpoints, and as many there are` }]);
    return withSecret(made);
  }

  @Get()
  @Policy(manage)
  async list(
    @Query(contract(ListWebhookEndpoints, 'query')) { cursor, limit }: z.infer<typeof ListWebhookEndpoints>,
    @Req() request: FastifyRequest,
  ): Promise<WebhookEndpointList> {
    const before = cursor === undefined ? undefined : decodeCursor('endpoint', cursor);
    const rows = await listEndpoints(this.parts.db, principalOf(request).tenantId, before, limit + 1);
    return pageOf(rows, limit, presentEndpoint);
  }

  @Get(':id')
  @Policy(manage)
  async get(@Param('id') id: string, @Req() request: FastifyRequest): Promise<WebhookEndpoint> {
    return presentEndpoint(known(id, await findEndpoint(this.parts.db, principalOf(request).tenantId, endpointId(id))));
  }

  @Patch(':id')
  @Policy(manageWithBody)
  async update(
    @Param('id') id: string,
    @Body(contract(UpdateWebhookEndpoint)) wanted: UpdateWebhookEndpoint,
    @Req() request: FastifyRequest,
  ): Promise<WebhookEndpoint> {
    const { tenantId } = principalOf(request);
    known(id, await findEndpoint(this.parts.db, tenantId, endpointId(id)));
    if (wanted.url !== undefined) await this.parts.egress.check(wanted.url, 'webhook_url_blocked');
    return presentEndpoint(known(id, await updateEndpoint(this.parts.db, tenantId, endpointId(id), wanted)));
  }

  @Delete(':id')
  @HttpCode(204)
  @Policy(manage)
  async remove(@Param('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    const removed = await deleteEndpoint(this.parts.db, principalOf(request).tenantId, endpointId(id));
    if (removed === 0) throw unknown(id);
  }

  @Post(':id/rotate-secret')
  @HttpCode(200)
  @Policy({ ...manageWithBody, bodyOptional: true })
  async rotate(
    @Param('id') id: string,
    @Body(contract(RotateSecret.prefault({}))) { overlap_seconds }: RotateSecret,
    @Req() request: FastifyRequest,
  ): Promise<WebhookEndpointWithSecret> {
    return withSecret(known(id, await rotateEndpointSecret(this.parts.db, principalOf(request).tenantId, endpointId(id), overlap_seconds)));
  }

  @Post(':id/test')
  @HttpCode(202)
  @Policy(manage)
  async test(@Param('id') id: string, @Req() request: FastifyRequest): Promise<{ delivery_id: DeliveryId }> {
    const { tenantId } = principalOf(request);
    const delivery_id = await testEndpoint(this.parts.db, tenantId, endpointId(id));
    if (delivery_id) return { delivery_id };
    known(id, await findEndpoint(this.parts.db, tenantId, endpointId(id)));
    throw disabled(id);
  }

  @Get(':id/deliveries')
  @Policy(manage)
  async deliveries(
    @Param('id') id: string,
    @Query(contract(ListDeliveries, 'query')) { cursor, limit, status }: z.infer<typeof ListDeliveries>,
    @Req() request: FastifyRequest,
  ): Promise<WebhookDeliveryList> {
    const { tenantId } = principalOf(request);
    known(id, await findEndpoint(this.parts.db, tenantId, endpointId(id)));
    const before = cursor === undefined ? undefined : decodeCursor('delivery', cursor);
    const views = await listDeliveries(this.parts.db, tenantId, endpointId(id), { status, before, limit: limit + 1 });
    return pageOf(views, limit, presentDelivery);
  }

  /** What has failed since then is sent anew, and what has succeeded is not. */
  @Post(':id/recover')
  @HttpCode(202)
  @Policy(manageWithBody)
  async recover(
    @Param('id') id: string,
    @Body(contract(RecoverDeliveries)) { since }: z.infer<typeof RecoverDeliveries>,
    @Req() request: FastifyRequest,
  ): Promise<{ count: number }> {
    const { tenantId } = principalOf(request);
    const endpoint = known(id, await findEndpoint(this.parts.db, tenantId, endpointId(id)));
    if (endpoint.status === 'disabled') throw disabled(id);
    return { count: await recoverDeliveries(this.parts.db, tenantId, endpoint.id, new Date(since)) };
  }
}

export const disabled = (id: string) => new LikenessError('endpoint_disabled', `${id} is disabled.`);

const unknown = (id: string) => new LikenessError('not_found', `There is no webhook endpoint ${id}.`);

function endpointId(id: string): EndpointId {
  if (!isId('endpoint', id)) throw unknown(id);
  return id;
}

function known(id: string, row: EndpointRow | null): EndpointRow {
  if (!row) throw unknown(id);
  return row;
}

const withSecret = (row: EndpointRow): WebhookEndpointWithSecret => ({ ...presentEndpoint(row), secret: row.secret });
