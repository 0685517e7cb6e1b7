import { Body, Controller, Delete, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { isId, LikenessError, RotateKey, type KeyId, type NewApiKey } from '@likeness/contracts';
import { contract } from '../http/contract.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { revokeKey, rotateKey } from './keys.store.ts';

@Controller('admin/keys')
export class KeysController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Post(':id/rotate')
  @HttpCode(200)
  @Policy({ access: 'admin', consumes: ['application/json'] })
  async rotate(@Param('id') id: string, @Body(contract(RotateKey)) { overlap_seconds }: RotateKey): Promise<NewApiKey> {
    const key = await rotateKey(this.parts.db, keyId(id), overlap_seconds);
    if (!key) throw noKey(id);
    return key;
  }

  /** Effective everywhere as soon as the notification arrives, and after some seconds in any case. */
  @Delete(':id')
  @HttpCode(204)
  @Policy({ access: 'admin' })
  async revoke(@Param('id') id: string): Promise<void> {
    if (!(await revokeKey(this.parts.db, keyId(id)))) throw noKey(id);
  }
}

const noKey = (id: string) => new LikenessError('not_found', `There is no key ${id}, or it was revoked or has expired.`);

function keyId(id: string): KeyId {
  if (!isId('key', id)) throw noKey(id);
  return id;
}
