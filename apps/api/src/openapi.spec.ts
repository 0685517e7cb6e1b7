import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { errors } from '@likeness/contracts';
import { AppModule } from './app.module.ts';
import { errorsPage } from './docs/errors-page.ts';
import type { RoutePolicy } from './http/policy.ts';
import { openApiDocument } from './openapi.ts';

interface Route {
  readonly name: string;
  readonly policy: RoutePolicy | undefined;
}
interface Operation {
  readonly security?: Record<string, string[]>[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
}

/** Every route that the controllers' decorators declare, as OpenAPI writes it. */
const routes: Route[] = (Reflect.getMetadata('controllers', AppModule) as { prototype: object }[]).flatMap((controller) => {
  const base = Reflect.getMetadata('path', controller) as string;
  return Object.values(Object.getOwnPropertyDescriptors(controller.prototype)).flatMap(({ value }) => {
    const method: unknown = typeof value === 'function' ? Reflect.getMetadata('method', value as object) : undefined;
    if (typeof method !== 'number') return [];
    const paths = [Reflect.getMetadata('path', value as object) as string | string[]].flat();
    const urls = paths.map((path) =>
      `/${base}/${path}`
        .replace(/\/{2,}/g, '/')
        .replace(/(?<=.)\/$/, '')
        .replace(/:(\w+)/g, '{$1}'),
    );
    const config = Reflect.getMetadata('__fastify_route_config__', value as object) as { policy?: RoutePolicy } | undefined;
    return urls.map((url) => ({ name: `${RequestMethod[method]} ${url}`, policy: config?.policy }));
  });
});

const document = openApiDocument('http://127.0.0.1:4000');
const operations = new Map<string, Operation>(
  Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]): [string, Operation] => [
      `${method.replace('x-', '').toUpperCase()} ${path}`,
      operation,
    ]),
  ),
);

/** Served by a plugin, not by a controller. */
const plugins = ['GET /admin/board'];

describe('the OpenAPI document', () => {
  it('knows every route, and no other', () => {
    const documented = routes.filter(({ name }) => name !== 'GET /docs/{file}'); // the parts of the page
    expect([...documented.map(({ name }) => name), ...plugins].sort()).toEqual([...operations.keys()].sort());
  });

  it.each(routes.map(({ name, policy }) => [name, policy] as const))('%s asks for what its policy asks for', (name, policy) => {
    expect(policy).toBeDefined();
    const operation = operations.get(name);
    if (!operation || !policy) return;
    const { access, consumes } = policy;
    const security = access === 'public' || access === 'signed' ? [] : access === 'local' ? [{}, { apiKey: [] }] : [{ apiKey: [access] }];
    expect(operation.security).toEqual(security);
    const bodies = Object.keys(operation.requestBody?.content ?? {});
    expect(bodies).toEqual(consumes === '*' ? ['image/*'] : [...(consumes ?? [])]);
  });

  it('has problems for refusals, and every code among them', () => {
    for (const [name, { responses }] of operations) {
      for (const [status, { content }] of Object.entries(responses)) {
        if (Number(status) >= 400) expect(Object.keys(content ?? {}), `${name} ${status}`).toEqual(['application/problem+json']);
      }
    }
    const problem = document.components?.schemas?.['Problem'] as { properties: { code: { enum: string[] } } };
    expect(problem.properties.code.enum).toEqual(Object.keys(errors));
  });

  it('is committed', async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../../../docs/openapi.json');
  });
});

describe('the page of the errors', () => {
  it('has a section for every code of the registry, with status, hint and example', () => {
    const sections = errorsPage().split('\n## ').slice(1);
    expect(sections.map((text) => text.split('\n')[0])).toEqual(Object.keys(errors));
    Object.values(errors).forEach(({ status, hint, example }, i) => {
      for (const part of [`**${status}**`, hint, `> ${example}`]) expect(sections[i]).toContain(part);
    });
  });

  it('is committed', async () => {
    await expect(errorsPage()).toMatchFileSnapshot('../../../docs/errors.md');
  });
});
