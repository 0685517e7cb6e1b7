/** Where every error of the API ends: those of handlers, of Fastify's own parsing, and requests that no route takes. */
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { LikenessError } from '@likeness/contracts';
import type { Logger } from '@likeness/platform/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lingerBeforeClose } from './linger.ts';
import { sendProblem, toLikenessError } from './problem.ts';
import type { RouteIndex } from './route-index.ts';

@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly publicUrl: string,
    private readonly routes: RouteIndex,
    private readonly log: Logger,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = this.refineNotFound(toLikenessError(thrown), request, reply);
    if (error.status >= 500)
      this.log.error({ err: thrown, request_id: request.id, method: request.method, url: request.url }, 'a request failed');
    if (error.status === 401)
      reply.header('www-authenticate', `${request.routeOptions.config.policy?.basic ? 'Basic' : 'Bearer'} realm="likeness"`);
    if (error.status === 413) lingerBeforeClose(request, reply);
    sendProblem(reply, error, request.id, this.publicUrl);
  }

  /** A path that other methods know is no unknown path. */
  private refineNotFound(error: LikenessError, request: FastifyRequest, reply: FastifyReply): LikenessError {
    if (!request.is404) return error;
    const allowed = this.routes.methodsAt(request.url);
    if (allowed.length === 0) return new LikenessError('not_found', `There is nothing at ${request.url.split('?')[0]}.`);
    reply.header('allow', allowed.join(', '));
    return new LikenessError('method_not_allowed', `${request.method} is not possible here; ${allowed.join(', ')} are.`);
  }
}
