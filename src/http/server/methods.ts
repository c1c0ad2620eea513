/** Methods that a path does not have: 405 with `Allow`. */
import { METHODS } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { RequestError } from '../contract/problem.ts';

/**
 * Must be called before the first route is registered. The function that it returns adds, to every path that has a route by
 * then, routes for all other methods.
 */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const methodsByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    // Fastify adds a HEAD to every GET, and calls the hook separately for a path with and without a trailing slash.
    if (method === 'HEAD') return;
    const methods = methodsByUrl.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    if (methods.has('GET')) methods.add('HEAD');
    methodsByUrl.set(url, methods);
  });
  // DELETE has no body here: one with a JSON content type and nothing in it is well formed.
  app.addHttpMethod('DELETE', { hasBody: false, overrideExisting: true });
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }

  return () => {
    for (const [url, methods] of [...methodsByUrl]) {
      const allowed = [...methods].sort().join(', ');
      const refusal = () => new RequestError(405, `The methods here are: ${allowed}.`, { allow: allowed });
      app.route({
        method: app.supportedMethods.filter((method) => !methods.has(method)),
        url,
        // Answered before the body is looked at.
        onRequest: (_request, _reply, done) => done(refusal()),
        handler: () => undefined,
      });
    }
  };
}
