import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import { isId, LikenessError, ListSubjects, type Erasure, type ErasureBegun, type Subject, type SubjectList } from '@likeness/contracts';
import { beginErasure } from '@likeness/generation';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { contract } from '../http/contract.ts';
import { decodeCursor, pageOf } from '../http/cursor.ts';
import { principalOf } from '../http/edge.ts';
import { idempotentRequest } from '../http/idempotency.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { createSubject } from './create-subject.ts';
import { presentErasure, presentSubject } from './present-subject.ts';
import { readSubjectRequest } from './read-subject-request.ts';
import { findErasure, findSubject, listSubjects } from './subjects.store.ts';

@Controller('v1')
export class SubjectsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post('subjects')
  @Policy({ access: 'subjects:write', consumes: ['application/json', 'multipart/form-data'] })
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Subject> {
    const { tenantId } = principalOf(request);
    const wanted = await readSubjectRequest(request);
    const idempotent = idempotentRequest(request.headers['idempotency-key'], 'POST /v1/subjects', ...wanted.identity);
    const { made, replayed } = await this.parts.idempotency.once(
      tenantId,
      idempotent,
      () => createSubject(this.parts, tenantId, wanted, idempotent),
      ({ resource_id }) => findSubject(this.parts.db, tenantId, resource_id),
    );
    if (replayed) reply.header('idempotent-replayed', 'true');
    reply.status(replayed ?? 201).header('location', `${this.parts.config.PUBLIC_URL}/v1/subjects/${made.id}`);
    return presentSubject(made);
  }

  @Get('subjects')
  @Policy({ access: 'subjects:write' })
  async list(
    @Query(contract(ListSubjects, 'query')) query: z.infer<typeof ListSubjects>,
    @Req() request: FastifyRequest,
  ): Promise<SubjectList> {
    const { external_id: externalId, cursor, limit } = query;
    const before = cursor === undefined ? undefined : decodeCursor('subject', cursor);
    const rows = await listSubjects(this.parts.db, principalOf(request).tenantId, { externalId, before, limit: limit + 1 });
    return pageOf(rows, limit, presentSubject);
  }

  @Get('subjects/:id')
  @Policy({ access: 'subjects:write' })
  async get(@Param('id') id: string, @Req() request: FastifyRequest): Promise<Subject> {
    const row = isId('subject', id) ? await findSubject(this.parts.db, principalOf(request).tenantId, id) : null;
    if (!row) throw new LikenessError('not_found', `There is no subject ${id}.`);
    return presentSubject(row);
  }

  /** From the answer on nothing of the subject can be read; the receipt tells when it is all gone. Asked again, it is the same erasure. */
  @Delete('subjects/:id')
  @HttpCode(202)
  @Policy({ access: 'subjects:erase' })
  async erase(@Param('id') id: string, @Req() request: FastifyRequest): Promise<ErasureBegun> {
    const { tenantId } = principalOf(request);
    const generations = isId('subject', id) ? await beginErasure(this.parts.db, tenantId, id) : [];
    for (const { id: generation, active } of generations) if (active) this.parts.signals.publish('cancel', generation);
    const erasure = isId('subject', id) ? await findErasure(this.parts.db, tenantId, id) : null;
    if (!erasure) throw new LikenessError('not_found', `There is no subject ${id}.`);
    return { erasure_id: erasure.id };
  }

  @Get('erasures/:id')
  @Policy({ access: 'subjects:erase' })
  async receipt(@Param('id') id: string, @Req() request: FastifyRequest): Promise<Erasure> {
    const erasure = isId('erasure', id) ? await findErasure(this.parts.db, principalOf(request).tenantId, id) : null;
    if (!erasure) throw new LikenessError('not_found', `There is no erasure ${id}.`);
    return presentErasure(erasure);
  }
}
