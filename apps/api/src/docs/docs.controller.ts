import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { LikenessError } from '@likeness/contracts';
import type { FastifyReply } from 'fastify';
import { errorsPage } from './errors-page.ts';
import { Policy } from '../http/policy.ts';
import { openApiDocument } from '../openapi.ts';
import { PARTS, type Parts } from '../parts.ts';

/** Swagger UI's own files; they come with the package, so the page works without internet. */
const ASSETS = ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-standalone-preset.js', 'favicon-32x32.png'];

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Likeness API</title>
    <link rel="icon" href="/docs/favicon-32x32.png" />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script>
      SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, persistAuthorization: false });
    </script>
  </body>
</html>
`;

@Controller()
export class DocsController {
  readonly #document: string;

  constructor(@Inject(PARTS) parts: Parts) {
    this.#document = JSON.stringify(openApiDocument(parts.config.PUBLIC_URL));
  }

  @Get('openapi.json')
  @Policy({ access: 'public' })
  openApi(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.type('application/json');
    return this.#document;
  }

  @Get('docs')
  @Policy({ access: 'public', produces: 'text/html' })
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.type('text/html; charset=utf-8');
    return PAGE;
  }

  /** Where the `type` of every problem leads to. */
  @Get('docs/errors')
  @Policy({ access: 'public', produces: '*' })
  errors(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.type('text/markdown; charset=utf-8');
    return errorsPage();
  }

  @Get('docs/:file')
  @Policy({ access: 'public', produces: '*' })
  asset(@Param('file') file: string, @Res() reply: FastifyReply): FastifyReply {
    if (!ASSETS.includes(file)) throw new LikenessError('not_found', `There is no file ${file} here.`);
    return reply.sendFile(file);
  }
}
