/** BullMQ through Nest: one consumer for the queue of a worker class. */
import { BullModule, Processor, WorkerHost } from '@nestjs/bullmq';
import { Module, type DynamicModule } from '@nestjs/common';
import { jobs, type JobName, type WorkerClass } from '@likeness/contracts';
import { queueOptions, WORKER_OPTIONS } from '@likeness/platform/queue';
import type { Job } from 'bullmq';
import type { WorkerConfig } from './worker.config.ts';

export const CONSUMER = Symbol('the consumer of the queue');

/** Takes a job whose payload was checked against its contract. */
export type JobHandler = (job: JobName, payload: { stageId: string }) => Promise<unknown>;

@Module({})
export class WorkerModule {
  static with(queue: WorkerClass, config: WorkerConfig, concurrency: number, handle: JobHandler): DynamicModule {
    const connection = queueOptions(config);
    // It starts when the models are loaded: a worker that cannot work must not take work.
    @Processor(queue, { ...WORKER_OPTIONS, concurrency, autorun: false })
    class Consumer extends WorkerHost {
      /** A lock that is lost does not end the work: the lease in Postgres is what counts, and the queue may be away for a while. */
      process(job: Job): Promise<unknown> {
        const contract = jobs[job.name as JobName] as (typeof jobs)[JobName] | undefined;
        if (contract?.queue !== queue) throw new Error(`the queue ${queue} has no job ${job.name}`);
        return handle(job.name as JobName, contract.payload.parse(job.data));
      }
    }
    return {
      module: WorkerModule,
      imports: [BullModule.forRoot(connection), BullModule.registerQueue({ name: queue })],
      providers: [{ provide: CONSUMER, useClass: Consumer }], // once: Nest would open a worker for every provider of the class
    };
  }
}
