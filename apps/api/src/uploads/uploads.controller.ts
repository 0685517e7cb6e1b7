import { Controller, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { CreateUpload, newId, type TenantId, type Upload } from '@likeness/contracts';
import { SignedQuery } from '@likeness/platform/links';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { contract, parseContract, refused } from '../http/contract.ts';
import { principalOf } from '../http/edge.ts';
import { idempotentRequest, type IdempotentRequest } from '../http/idempotency.ts';
import { isMultipart, readForm } from '../http/multipart.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { keepPicture, type ReceivedPicture } from './keep-picture.ts';
import { contentPathOf, presentUpload } from './present-upload.ts';
import { receiveUpload } from './receive-upload.ts';
import { findUpload, insertUpload, type UploadRow } from './uploads.store.ts';

@Controller('v1/uploads')
export class UploadsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  /** Declares a picture that will be put by the link in the answer, or brings it along as the part `file`. */
  @Post()
  @Policy({ access: 'uploads:write', consumes: ['application/json', 'multipart/form-data'] })
  async create(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Upload> {
    const { tenantId } = principalOf(request);
    const wanted = isMultipart(request) ? await readFilePart(request) : parseContract(CreateUpload, request.body);
    const { filename, sha256 } = wanted;
    const idempotent = idempotentRequest(
      request.headers['idempotency-key'],
      'POST /v1/uploads',
      'bytes' in wanted ? { filename, sha256 } : wanted,
    );
    const make = () => this.make(tenantId, wanted, idempotent);
    const { made, replayed } = await this.parts.idempotency.once(tenantId, idempotent, make, ({ resource_id }) =>
      findUpload(this.parts.db, resource_id),
    );
    if (replayed) reply.header('idempotent-replayed', 'true');
    reply.status(replayed ?? 201);
    return presentUpload(made, this.parts.signer);
  }

  @Put(':id/content')
  @Policy({ access: 'signed', consumes: '*' })
  async receive(
    @Param('id') id: string,
    @Query(contract(SignedQuery, 'query')) query: SignedQuery,
    @Req() request: FastifyRequest,
  ): Promise<Upload> {
    this.parts.signer.verify('PUT', contentPathOf(id), query);
    return presentUpload(await receiveUpload(this.parts, id, request.raw), this.parts.signer);
  }

  private make(
    tenantId: TenantId,
    wanted: CreateUpload | ReceivedPicture,
    idempotent: IdempotentRequest | undefined,
  ): Promise<UploadRow | null> {
    if ('bytes' in wanted) return keepPicture(this.parts, tenantId, wanted, idempotent);
    return insertUpload(
      this.parts.db,
      { ...wanted, id: newId('upload'), tenant_id: tenantId, data_key: this.parts.store.vault.newKey(), status: 'pending' },
      idempotent,
    );
  }
}

async function readFilePart(request: FastifyRequest): Promise<ReceivedPicture> {
  const { files, fields } = await readForm(request);
  const unknown = [...fields.keys(), ...files.map((file) => file.name).filter((name) => name !== 'file')];
  const [file] = files;
  if (unknown.length > 0) throw refused(unknown.map((name) => ({ pointer: `/${name}`, detail: 'is not known; the one part is "file"' })));
  if (!file || files.length > 1)
    throw refused([{ pointer: '/file', detail: `must be given once, with a file name; got ${files.length} parts` }]);
  return file;
}
