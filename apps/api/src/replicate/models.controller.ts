/** The account and the models that Replicate's clients ask for. */
import { Controller, Get, Inject, Param, QueryMethod, Req } from '@nestjs/common';
import {
  LikenessError,
  MODEL_OWNER,
  versionIdOf,
  type Account,
  type Model,
  type ModelPage,
  type ModelVersion,
  type ModelVersionPage,
} from '@likeness/contracts';
import { one, sql } from '@likeness/platform/db';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../http/edge.ts';
import { Policy } from '../http/policy.ts';
import type { InstalledPack } from '../packs.ts';
import { PARTS, type Parts } from '../parts.ts';
import { packOfModel, presentModel, presentVersion, searchModels } from './models.ts';

const QUERY_MAX_BYTES = 1_000;

@Controller('v1')
export class ModelsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Get('account')
  @Policy({ access: 'generations:read' })
  async account(@Req() request: FastifyRequest): Promise<Account> {
    const { tenantId } = principalOf(request);
    const tenant = await one(this.parts.db, z.object({ name: z.string() }), sql`SELECT name FROM tenant WHERE id = ${tenantId}`);
    return { type: 'organization', username: tenantId, name: tenant?.name ?? tenantId };
  }

  @Get('models')
  @Policy({ access: 'generations:read' })
  list(): ModelPage {
    return this.page([...this.parts.packs.values()]);
  }

  /** The body is the text to look for; JavaScript sends it as JSON. */
  @QueryMethod('models')
  @Policy({ access: 'generations:read', consumes: ['text/plain'] })
  async search(@Req() request: FastifyRequest): Promise<ModelPage> {
    const text = await readText(request);
    const quoted = /^".*"$/s.test(text.trim());
    return this.page(searchModels(this.parts.packs, quoted ? text.trim().slice(1, -1) : text));
  }

  @Get('models/:owner/:name')
  @Policy({ access: 'generations:read' })
  model(@Param('owner') owner: string, @Param('name') name: string): Model {
    return presentModel(packOfModel(this.parts.packs, owner, name), this.parts.config.PUBLIC_URL);
  }

  @Get('models/:owner/:name/versions')
  @Policy({ access: 'generations:read' })
  versions(@Param('owner') owner: string, @Param('name') name: string): ModelVersionPage {
    return { previous: null, next: null, results: [presentVersion(packOfModel(this.parts.packs, owner, name))] };
  }

  @Get('models/:owner/:name/versions/:version')
  @Policy({ access: 'generations:read' })
  version(@Param('owner') owner: string, @Param('name') name: string, @Param('version') version: string): ModelVersion {
    const pack = packOfModel(this.parts.packs, owner, name);
    if (version !== versionIdOf(pack))
      throw new LikenessError('not_found', `${MODEL_OWNER}/${name} has no such version; it has ${versionIdOf(pack)}.`);
    return presentVersion(pack);
  }

  private page(packs: readonly InstalledPack[]): ModelPage {
    return { previous: null, next: null, results: packs.map((pack) => presentModel(pack, this.parts.config.PUBLIC_URL)) };
  }
}

/** No more of it than a query needs. */
async function readText(request: FastifyRequest): Promise<string> {
  let text = '';
  for await (const chunk of request.raw.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.length > QUERY_MAX_BYTES) throw new LikenessError('payload_too_large', `A query may have ${QUERY_MAX_BYTES} characters.`);
  }
  return text;
}
