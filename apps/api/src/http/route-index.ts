/** Which methods a path knows, for `405` with its `Allow`. */
import type { FastifyInstance } from 'fastify';

export interface RouteIndex {
  methodsAt(url: string): string[];
}

/** Must be made before the first route is registered. */
export function indexRoutes(instance: FastifyInstance): RouteIndex {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  instance.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const name of [method].flat()) route.methods.add(name);
    routes.set(url, route);
  });
  return {
    methodsAt: (url) => {
      const path = url.split('?')[0] ?? '';
      const methods = [...routes.values()].filter(({ pattern }) => pattern.test(path)).flatMap((route) => [...route.methods]);
      return [...new Set(methods)].sort();
    },
  };
}

/** `/v1/generations/:id` → `^/v1/generations/[^/]+$` */
const patternOf = (url: string) => new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+')}$`);
