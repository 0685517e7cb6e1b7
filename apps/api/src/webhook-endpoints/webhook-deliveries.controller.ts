import { Controller, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import { isId, LikenessError, type WebhookDelivery } from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { findDelivery, replayDelivery, type DeliveryView } from './deliveries.store.ts';
import { presentDelivery } from './present.ts';
import { disabled } from './webhook-endpoints.controller.ts';

@Controller('v1/webhook-deliveries')
export class WebhookDeliveriesController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  /** The same `webhook-id` and body once more, whatever came of it before. */
  @Post(':id/replay')
  @HttpCode(202)
  @Policy({ access: 'webhooks:manage' })
  async replay(@Param('id') id: string, @Req() request: FastifyRequest): Promise<WebhookDelivery> {
    const { db } = this.parts;
    const { tenantId } = principalOf(request);
    const find = async (): Promise<DeliveryView> => {
      const view = isId('delivery', id) ? await findDelivery(db, tenantId, id) : null;
      if (!view) throw new LikenessError('not_found', `There is no webhook delivery ${id}.`);
      return view;
    };
    const view = await find();
    if (!(await replayDelivery(db, tenantId, view.id))) throw disabled(view.endpoint_id ?? id);
    return presentDelivery(await find());
  }
}
