import { Controller, Get, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { CreatePreset, LikenessError, ListPresets, type Preset, type PresetList } from '@likeness/contracts';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { contract, parseContract } from '../http/contract.ts';
import { decodeCursor, pageOf } from '../http/cursor.ts';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { createPreset, findPreset, listPresets } from './presets.store.ts';

@Controller('v1/presets')
export class PresetsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post()
  @Policy({ access: 'generations:write', consumes: ['application/json'] })
  create(@Req() request: FastifyRequest): Promise<Preset> {
    return createPreset(this.parts.db, principalOf(request).tenantId, parseContract(CreatePreset, request.body));
  }

  @Get()
  @Policy({ access: 'generations:read' })
  async list(
    @Query(contract(ListPresets, 'query')) { name, category, cursor, limit }: z.infer<typeof ListPresets>,
    @Req() request: FastifyRequest,
  ): Promise<z.infer<typeof PresetList>> {
    const after = cursor === undefined ? undefined : decodeCursor('preset', cursor);
    const presets = await listPresets(this.parts.db, principalOf(request).tenantId, { name, category, after, limit: limit + 1 });
    return pageOf(presets, limit, (preset) => preset);
  }

  /** By id, by `name@version`, or the newest of a name. */
  @Get(':preset')
  @Policy({ access: 'generations:read' })
  async get(@Param('preset') ref: string, @Req() request: FastifyRequest): Promise<Preset> {
    const preset = await findPreset(this.parts.db, principalOf(request).tenantId, ref);
    if (!preset) throw new LikenessError('not_found', `There is no preset ${ref}.`);
    return preset;
  }
}
