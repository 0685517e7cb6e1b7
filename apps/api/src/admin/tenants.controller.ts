import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Req } from '@nestjs/common';
import {
  CreateKey,
  CreateTenant,
  isId,
  LikenessError,
  ListPage,
  UpdateTenant,
  type ApiKeyList,
  type NewApiKey,
  type Tenant,
  type TenantId,
  type TenantList,
} from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { contract, refused } from '../http/contract.ts';
import { decodeCursor, pageOf } from '../http/cursor.ts';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { createKey, listKeys, presentKey } from './keys.store.ts';
import { createTenant, deleteTenant, findTenant, listTenants, presentTenant, updateTenant, type TenantRow } from './tenants.store.ts';

type Page = z.infer<typeof ListPage>;

@Controller('admin/tenants')
export class TenantsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post()
  @Policy({ access: 'admin', consumes: ['application/json'] })
  async create(@Body(contract(CreateTenant)) wanted: CreateTenant): Promise<Tenant> {
    return presentTenant(await createTenant(this.parts.db, wanted));
  }

  @Get()
  @Policy({ access: 'admin' })
  async list(@Query(contract(ListPage, 'query')) { cursor, limit }: Page): Promise<TenantList> {
    const before = cursor === undefined ? undefined : decodeCursor('tenant', cursor);
    return pageOf(await listTenants(this.parts.db, before, limit + 1), limit, presentTenant);
  }

  @Get(':id')
  @Policy({ access: 'admin' })
  async get(@Param('id') id: string): Promise<Tenant> {
    return presentTenant(found(await findTenant(this.parts.db, tenantId(id)), id));
  }

  @Patch(':id')
  @Policy({ access: 'admin', consumes: ['application/json'] })
  async update(@Param('id') id: string, @Body(contract(UpdateTenant)) change: UpdateTenant): Promise<Tenant> {
    return presentTenant(found(await updateTenant(this.parts.db, tenantId(id), change), id));
  }

  /** The tenant whose key is used stays: nobody could administer anything any more. */
  @Delete(':id')
  @HttpCode(202)
  @Policy({ access: 'admin' })
  async delete(@Param('id') id: string, @Req() request: FastifyRequest): Promise<Tenant> {
    if (principalOf(request).tenantId === id)
      throw refused([{ pointer: '', detail: `${id} is the tenant of the key that this request was made with` }]);
    return presentTenant(found(await deleteTenant(this.parts.db, tenantId(id)), id));
  }

  @Post(':id/keys')
  @Policy({ access: 'admin', consumes: ['application/json'] })
  async createKey(@Param('id') id: string, @Body(contract(CreateKey)) wanted: CreateKey): Promise<NewApiKey> {
    const key = await createKey(this.parts.db, tenantId(id), wanted);
    if (!key) throw noTenant(id);
    return key;
  }

  @Get(':id/keys')
  @Policy({ access: 'admin' })
  async listKeys(@Param('id') id: string, @Query(contract(ListPage, 'query')) { cursor, limit }: Page): Promise<ApiKeyList> {
    const before = cursor === undefined ? undefined : decodeCursor('key', cursor);
    const { id: tenant } = found(await findTenant(this.parts.db, tenantId(id)), id);
    return pageOf(await listKeys(this.parts.db, tenant, before, limit + 1), limit, presentKey);
  }
}

const noTenant = (id: string) => new LikenessError('not_found', `There is no tenant ${id}.`);

function tenantId(id: string): TenantId {
  if (!isId('tenant', id)) throw noTenant(id);
  return id;
}

function found(tenant: TenantRow | null, id: string): TenantRow {
  if (!tenant) throw noTenant(id);
  return tenant;
}
