import { Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import {
  LikenessError,
  ListPage,
  WorkerClassName,
  type DeadLetterList,
  type Redriven,
  type WorkerClass,
  type WorkerClassList,
  type WorkerClassView,
  type WorkerList,
} from '@likeness/contracts';
import { pauseClass, resumeClass } from '@likeness/generation';
import type { z } from 'zod';
import { contract } from '../http/contract.ts';
import { decodeCursor, pageOf } from '../http/cursor.ts';
import { Policy } from '../http/policy.ts';
import { PARTS, type Parts } from '../parts.ts';
import { listClasses, listDeadLetters, listWorkers, presentDeadLetter } from './operations.store.ts';
import { redriveDeadLetter } from './redrive-dead-letter.ts';

@Controller('admin')
export class OperationsController {
  constructor(@Inject(PARTS) private readonly parts: Parts) {}

  @Get('worker-classes')
  @Policy({ access: 'admin' })
  async classes(): Promise<WorkerClassList> {
    return { data: await listClasses(this.parts.db) };
  }

  /** Nothing is given to the class from here on; what a worker holds ends. */
  @Post('worker-classes/:class/pause')
  @HttpCode(200)
  @Policy({ access: 'admin' })
  async pause(@Param('class') name: string): Promise<WorkerClassView> {
    await pauseClass(this.parts.db, className(name));
    return this.read(className(name));
  }

  @Post('worker-classes/:class/resume')
  @HttpCode(200)
  @Policy({ access: 'admin' })
  async resume(@Param('class') name: string): Promise<WorkerClassView> {
    await resumeClass(this.parts.db, className(name));
    return this.read(className(name));
  }

  @Get('workers')
  @Policy({ access: 'admin' })
  async workers(): Promise<WorkerList> {
    return { data: await listWorkers(this.parts.db) };
  }

  @Get('dead-letters')
  @Policy({ access: 'admin' })
  async deadLetters(@Query(contract(ListPage, 'query')) { cursor, limit }: z.infer<typeof ListPage>): Promise<DeadLetterList> {
    const before = cursor === undefined ? undefined : decodeCursor(['generation', 'delivery'], cursor);
    return pageOf(await listDeadLetters(this.parts.db, before, limit + 1), limit, presentDeadLetter);
  }

  @Post('dead-letters/:id/redrive')
  @HttpCode(202)
  @Policy({ access: 'admin' })
  redrive(@Param('id') id: string): Promise<Redriven> {
    return redriveDeadLetter(this.parts, id);
  }

  private async read(name: WorkerClass): Promise<WorkerClassView> {
    const found = (await listClasses(this.parts.db)).find((one) => one.class === name);
    if (!found) throw new Error('every class is listed');
    return found;
  }
}

function className(name: string): WorkerClass {
  const parsed = WorkerClassName.safeParse(name);
  if (!parsed.success)
    throw new LikenessError('not_found', `There is no worker class ${name}; there are ${WorkerClassName.options.join(', ')}.`);
  return parsed.data;
}
