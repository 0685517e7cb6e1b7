/** Files for Replicate's clients: uploads under another name. Their `urls.get` may stand in an input. */
import { Controller, Delete, Get, HttpCode, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import {
  FILE_METADATA_MAX_BYTES,
  filePathOf,
  LikenessError,
  PageQuery,
  preview,
  type ReplicateFile,
  type ReplicateFilePage,
} from '@likeness/contracts';
import { SignedQuery } from '@likeness/platform/links';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { decodeCursor, encodeCursor } from '../http/cursor.ts';
import { contract, refused } from '../http/contract.ts';
import { principalOf } from '../http/edge.ts';
import { readForm, type Form } from '../http/multipart.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { keepPicture, type ReceivedPicture } from '../uploads/keep-picture.ts';
import { findUploadWithKey, type UploadRow } from '../uploads/uploads.store.ts';
import { burstKey, Bursts } from './bursts.ts';
import { expireFile, findFile, listFiles } from './files.store.ts';

const PAGE = 100;
const downloadPathOf = (id: string): string => `${filePathOf(id)}/download`;

@Controller('v1/files')
export class FilesController {
  readonly #bursts = new Bursts();

  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post()
  @Policy({ access: 'uploads:write', consumes: ['multipart/form-data'], chargedBy: 'handler' })
  async create(@Req() request: FastifyRequest): Promise<ReplicateFile> {
    const { tenantId } = principalOf(request);
    const file = toFile(await readForm(request));
    const { filename, sha256, metadata } = file;
    const row = await this.#bursts.once(burstKey(tenantId, 'POST /v1/files', filename, sha256, metadata), async () => {
      request.charge();
      return keepPicture(this.parts, tenantId, file);
    });
    if (!row) throw new Error('an upload without a key is always made');
    return this.present(row);
  }

  @Get(':id')
  @Policy({ access: 'uploads:write' })
  async get(@Param('id') id: string, @Req() request: FastifyRequest): Promise<ReplicateFile> {
    const row = await findFile(this.parts.db, principalOf(request).tenantId, id);
    if (!row) throw missing(id);
    return this.present(row);
  }

  @Get()
  @Policy({ access: 'uploads:write' })
  async list(@Query(contract(PageQuery, 'query')) { cursor }: PageQuery, @Req() request: FastifyRequest): Promise<ReplicateFilePage> {
    const before = cursor === undefined ? undefined : decodeCursor('upload', cursor);
    const rows = await listFiles(this.parts.db, principalOf(request).tenantId, before, PAGE + 1);
    const page = rows.slice(0, PAGE);
    const last = page.at(-1);
    const next = rows.length > PAGE && last ? `${this.parts.config.PUBLIC_URL}/v1/files?cursor=${encodeCursor(last.id)}` : null;
    return { previous: null, next, results: page.map((row) => this.present(row)) };
  }

  @Delete(':id')
  @HttpCode(204)
  @Policy({ access: 'uploads:write' })
  async remove(@Param('id') id: string, @Req() request: FastifyRequest): Promise<void> {
    if (!(await expireFile(this.parts.db, principalOf(request).tenantId, id))) throw missing(id);
  }

  @Get(':id/download')
  @Policy({ access: 'signed', produces: '*' })
  async download(
    @Param('id') id: string,
    @Query(contract(SignedQuery, 'query')) query: SignedQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Uint8Array> {
    this.parts.signer.verify('GET', downloadPathOf(id), query);
    const row = await findUploadWithKey(this.parts.db, id);
    if (!row || row.expires_at <= new Date()) throw new LikenessError('data_expired', `The file ${id} is gone.`); // the link says that it was there
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'private, no-store').type(row.content_type);
    return Buffer.from(await this.parts.store.get(row.object_key, row.data_key));
  }

  private present(row: UploadRow): ReplicateFile {
    const { config, signer } = this.parts;
    return {
      id: row.id,
      name: row.filename,
      content_type: row.content_type,
      size: row.size,
      etag: row.sha256,
      checksums: { sha256: row.sha256 },
      metadata: row.metadata,
      created_at: row.created_at.toISOString(),
      expires_at: row.expires_at.toISOString(),
      urls: {
        get: config.PUBLIC_URL + filePathOf(row.id),
        download: signer.sign('GET', downloadPathOf(row.id), config.ARTIFACT_URL_SECONDS).url,
      },
    };
  }
}

const missing = (id: string) => new LikenessError('not_found', `There is no file ${id}.`);

/** JavaScript sends `metadata` as a file of its own, Python as a field or not at all. */
function toFile({ files, fields }: Form): ReceivedPicture {
  const parts = [...files.map(({ name }) => name), ...fields.keys()];
  const unknown = parts.filter((name) => !['content', 'metadata', 'filename', 'type'].includes(name));
  if (unknown.length > 0)
    throw refused(unknown.map((name) => ({ pointer: `/${name}`, detail: 'is not known; the parts are "content" and "metadata"' })));
  const [content, ...more] = files.filter(({ name }) => name === 'content');
  if (!content || more.length > 0) throw refused([{ pointer: '/content', detail: 'must be given once, with a file name' }]);
  const metadata = files.find(({ name }) => name === 'metadata');
  const text = metadata ? Buffer.from(metadata.bytes).toString('utf8') : fields.get('metadata');
  return { ...content, filename: (fields.get('filename') ?? content.filename).slice(0, 255), metadata: parseMetadata(text) };
}

function parseMetadata(text = '{}'): Record<string, unknown> {
  const wrong = () =>
    refused([{ pointer: '/metadata', detail: `must be a JSON object of at most ${FILE_METADATA_MAX_BYTES} bytes; got ${preview(text)}` }]);
  if (Buffer.byteLength(text) > FILE_METADATA_MAX_BYTES || text.includes('\\u0000')) throw wrong();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // said below
  }
  throw wrong();
}
