/** The bytes of a portrait, by the link in the generation's `output`: the link is the permission, no key is asked for. */
import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { artifactPathOf, LikenessError } from '@likeness/contracts';
import { one, sql, type Db } from '@likeness/platform/db';
import { SignedQuery } from '@likeness/platform/links';
import { ObjectMissing } from '@likeness/platform/storage';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { contract } from '../http/contract.ts';
import { matchesETag } from '../http/etag.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';

@Controller('v1/artifacts')
export class ArtifactsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Get(':id')
  @Policy({ access: 'signed', produces: '*' })
  async read(
    @Param('id') id: string,
    @Query(contract(SignedQuery, 'query')) query: SignedQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Uint8Array | undefined> {
    this.parts.signer.verify('GET', artifactPathOf(id), query);
    const artifact = await findArtifact(this.parts.db, id);
    const filename = `${artifact.generation_id}-${artifact.index}.${artifact.content_type.split('/')[1]}`;
    reply
      .header('etag', `"${artifact.sha256}"`)
      .header('cache-control', 'private, max-age=3600, immutable')
      .header('content-disposition', `inline; filename="${filename}"`)
      .header('x-content-type-options', 'nosniff')
      .header('accept-ranges', 'bytes')
      .type(artifact.content_type);
    if (matchesETag(request.headers['if-none-match'], artifact.sha256)) return void reply.status(304);
    const range = byteRange(request.headers.range, artifact.size);
    if (range) reply.status(206).header('content-range', `bytes ${range.first}-${range.last}/${artifact.size}`);
    const bytes = await this.parts.store.get(artifact.object_key, artifact.data_key).catch((error: unknown) => {
      throw error instanceof ObjectMissing ? removed(id) : error;
    });
    return Buffer.from(range ? bytes.subarray(range.first, range.last + 1) : bytes);
  }
}

const ArtifactRow = z.object({
  generation_id: z.string(),
  index: z.number(),
  object_key: z.string(),
  data_key: z.instanceof(Uint8Array).nullable(),
  content_type: z.string(),
  size: z.number(),
  sha256: z.string(),
  gone: z.boolean(),
});

async function findArtifact(db: Db, id: string): Promise<z.infer<typeof ArtifactRow>> {
  const row = await one(
    db,
    ArtifactRow,
    sql`
      SELECT a.generation_id, a.index, a.object_key, k.wrapped AS data_key, a.content_type, a.size, a.sha256, g.data_removed OR g.removal_requested_at IS NOT NULL OR coalesce(g.expires_at <= now(), false) AS gone
        FROM artifact a JOIN generation g ON g.id = a.generation_id LEFT JOIN data_key k ON k.id = a.data_key_id
       WHERE a.id = ${id}`,
  );
  if (!row || row.gone) throw removed(id); // a link that verifies was to something once
  return row;
}

const removed = (id: string) => new LikenessError('data_expired', `The picture ${id} was removed.`);

/** One range that can be satisfied, or none: then the whole is sent, as RFC 9110 allows. */
export function byteRange(header: string | undefined, size: number): { first: number; last: number } | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return first <= last ? { first, last } : undefined;
}
