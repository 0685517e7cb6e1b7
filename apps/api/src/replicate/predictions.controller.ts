/** Predictions for Replicate's clients: generations under another name. */
import { Controller, Get, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  CreatePrediction,
  CreateVersionPrediction,
  isId,
  isTerminal,
  LikenessError,
  PageQuery,
  type GenerationId,
  type Prediction,
  type PredictionPage,
} from '@likeness/contracts';
import { findPrediction, listPredictions, presentPrediction, requestCancel, type PredictionRow } from '@likeness/generation';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createGeneration } from '../generations/create-generation.ts';
import { decodeCursor, encodeCursor } from '../http/cursor.ts';
import { hungUp } from '../generations/hung-up.ts';
import { preferredWait } from '../generations/prefer.ts';
import { withDeadline } from '../generations/read-create-request.ts';
import type { Principal } from '../http/api-keys.ts';
import { contract, parseContract } from '../http/contract.ts';
import { principalOf } from '../http/edge.ts';
import { idempotentRequest } from '../http/idempotency.ts';
import { Policy, type RoutePolicy } from '../http/policy.ts';
import type { InstalledPack } from '../packs.ts';
import { PARTS, type Parts } from '../parts.ts';
import { burstKey, Bursts } from './bursts.ts';
import { linksOf } from './links.ts';
import { packOfModel, packOfVersion } from './models.ts';
import { toCreateRequest } from './read-prediction-request.ts';

const PAGE = 100;

const creates: RoutePolicy = { access: 'generations:write', consumes: ['application/json'], chargedBy: 'handler', silent: true };

@Controller('v1')
export class PredictionsController {
  readonly #bursts = new Bursts();

  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post('predictions')
  @Policy(creates)
  ofVersion(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Prediction> {
    return this.create(request, reply, () => {
      const { version, ...prediction } = parseContract(CreateVersionPrediction, request.body, 'body', { silent: true });
      return { prediction, pack: packOfVersion(this.parts.packs, version) };
    });
  }

  /** A deployment is a model that somebody named: here every model is deployed, under its own name. */
  @Post(['models/:owner/:name/predictions', 'deployments/:owner/:name/predictions'])
  @Policy(creates)
  ofModel(
    @Param('owner') owner: string,
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Prediction> {
    return this.create(request, reply, () => {
      const pack = packOfModel(this.parts.packs, owner, name);
      return { prediction: parseContract(CreatePrediction, request.body, 'body', { silent: true }), pack };
    });
  }

  @Get('predictions/:id')
  @Policy({ access: 'generations:read' })
  async get(@Param('id') id: string, @Req() request: FastifyRequest): Promise<Prediction> {
    return this.present(await this.find(principalOf(request), id));
  }

  @Get('predictions')
  @Policy({ access: 'generations:read' })
  async list(@Query(contract(PageQuery, 'query')) { cursor }: PageQuery, @Req() request: FastifyRequest): Promise<PredictionPage> {
    const before = cursor === undefined ? undefined : decodeCursor('generation', cursor);
    const rows = await listPredictions(this.parts.db, principalOf(request).tenantId, before, PAGE + 1);
    const page = rows.slice(0, PAGE);
    const last = page.at(-1);
    const next = rows.length > PAGE && last ? `${this.parts.config.PUBLIC_URL}/v1/predictions?cursor=${encodeCursor(last.id)}` : null;
    return { previous: null, next, results: page.map((row) => this.present(row)) };
  }

  /** What has ended stays as it is. */
  @Post('predictions/:id/cancel')
  @Policy({ access: 'generations:write' })
  async cancel(
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Prediction> {
    const principal = principalOf(request);
    const found = await this.find(principal, id);
    await requestCancel(this.parts.db, principal.tenantId, found.id);
    this.parts.signals.publish('cancel', found.id); // the fast way to the worker; its heartbeat is the sure one
    reply.status(200);
    return this.present(await this.find(principal, id));
  }

  /** 201; 202 when the client waited in vain. A client that waited takes any status but `starting` for the end. */
  private async create(
    request: FastifyRequest,
    reply: FastifyReply,
    read: () => { prediction: CreatePrediction; pack: InstalledPack },
  ): Promise<Prediction> {
    const principal = principalOf(request);
    const id = await this.make(principal, request, read);
    const seconds = preferredWait(request.headers.prefer, { bare: true });
    if (seconds !== undefined) reply.header('preference-applied', `wait=${seconds}`);
    const ended = seconds === undefined ? undefined : await this.waitForEnd(principal, id, seconds, reply);
    reply.status(seconds === undefined || ended ? 201 : 202).header('location', `${this.parts.config.PUBLIC_URL}/v1/predictions/${id}`);
    const prediction = this.present(ended ?? (await this.find(principal, id)));
    return prediction.status === 'processing' ? { ...prediction, status: 'starting' } : prediction;
  }

  /** Once for a burst of copies, of which the first one is counted. */
  private make(
    principal: Principal,
    request: FastifyRequest,
    read: () => { prediction: CreatePrediction; pack: InstalledPack },
  ): Promise<GenerationId> {
    const { body, headers } = request;
    const route = [principal.tenantId, 'POST', request.url, headers['cancel-after']];
    const key = idempotentRequest(headers['idempotency-key'], 'POST', request.url, body);
    const copies = burstKey(...route, key?.key, body);
    const idempotent = key ?? copies;
    return this.#bursts.once(copies, async () => {
      request.charge();
      const { prediction, pack } = read();
      const wanted = withDeadline(toCreateRequest(prediction, pack, this.parts.config.PUBLIC_URL), request);
      const { made } = await this.parts.idempotency.once(
        principal.tenantId,
        idempotent,
        () => createGeneration(this.parts, principal, wanted, idempotent),
        ({ resource_id }) => (isId('generation', resource_id) ? resource_id : null),
      );
      return made;
    });
  }

  private async waitForEnd(
    principal: Principal,
    id: GenerationId,
    seconds: number,
    reply: FastifyReply,
  ): Promise<PredictionRow | undefined> {
    const look = { name: `prediction ${id}`, look: () => this.find(principal, id) };
    const wanted = (row: PredictionRow) => isTerminal(row.status);
    return this.parts.changes.wait({ id, milliseconds: seconds * 1000, signal: hungUp(reply), ...look, wanted });
  }

  private async find({ tenantId }: Principal, id: string): Promise<PredictionRow> {
    const row = isId('generation', id) ? await findPrediction(this.parts.db, tenantId, id) : null;
    if (!row) throw new LikenessError('not_found', `There is no prediction ${id}.`);
    return row;
  }

  private present(row: PredictionRow): Prediction {
    return presentPrediction(row, linksOf(this.parts));
  }
}
