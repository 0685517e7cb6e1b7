/** The end, in order: nobody waits any longer, requests under way are answered, connections close, the database last. */
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Server } from 'node:http';
import { PARTS, type Parts } from '../parts.ts';

/** Requests that take longer are cut. */
const DRAIN_MS = 8_000;

@Injectable()
export class Shutdown implements BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    @Inject(PARTS) private readonly parts: Parts,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    await this.parts.changes.close();
    await drain(this.host.httpAdapter.getHttpServer() as Server);
  }

  async onApplicationShutdown(): Promise<void> {
    this.parts.rates.close();
    await this.parts.egress.close();
    await this.parts.signals.close();
    await this.parts.tracing.close();
    await this.parts.db.close();
  }
}

/** No new connections; those at rest are closed as they come to rest, those at work get their answer first. */
async function drain(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((done) => server.close(() => done()));
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
