// A path -> the methods that its routes take, for the answer to another method: 405 with `Allow`, where Fastify says 404.

import type { App } from './http.ts';

/** Hears of every route that is added from now on. @returns what tells the methods of a URL's path, sorted; none: nobody knows it. */
export function rememberMethods(app: App): (url: string) => string[] {
  const routes = new Map<string, { path: RegExp; methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const route = routes.get(url) ?? { path: pathOf(url), methods: new Set() };
    for (const each of [method].flat()) route.methods.add(each);
    routes.set(url, route);
  });
  return (url) => {
    const path = url.split(/[?#]/, 1)[0]!;
    const fitting = [...routes.values()].filter((route) => route.path.test(path));
    return [...new Set(fitting.flatMap(({ methods }) => [...methods]))].sort();
  };
}

/** `/api/logs/:id` -> what its paths look like. A parameter is a segment, and `*` is anything. */
function pathOf(url: string): RegExp {
  const parts = url.split(/(:\w+|\*)/);
  const source = parts.map((part) => {
    if (part === '*') return '.*';
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source.join('')}$`);
}
