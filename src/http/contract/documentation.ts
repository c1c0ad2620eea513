/** The contract as others can read it: as a document, and as a page. */
import { fastifySwagger } from '@fastify/swagger';
import type { StaticDocumentSpec } from '@fastify/swagger';
import { fastifySwaggerUi } from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { OpenApiDocument } from './document.ts';

/**
 * The page takes everything from this server, and may be served over plain HTTP under any host name: what the library would
 * send, `upgrade-insecure-requests` among it, keeps browsers from loading the page's parts then.
 */
const contentSecurityPolicy = {
  'default-src': "'self'",
  'img-src': ["'self'", 'data:'],
  'style-src': ["'self'", "'unsafe-inline'"],
  'base-uri': "'self'",
  'object-src': "'none'",
  'frame-ancestors': "'self'",
};

/** Serves, to everybody, the document under /openapi.json and /openapi.yaml, and a page under /docs. */
export async function serveDocumentation(app: FastifyInstance, document: OpenApiDocument): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, isOpen: true };
    });
    await scope.register(fastifySwagger, {
      mode: 'static',
      specification: { document: document as unknown as StaticDocumentSpec['document'] },
    });
    scope.get('/openapi.json', () => scope.swagger());
    scope.get('/openapi.yaml', (_request, reply) => reply.type('application/yaml').send(scope.swagger({ yaml: true })));
    await scope.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      staticCSP: contentSecurityPolicy,
      theme: { title: document.info.title },
      uiConfig: { deepLinking: true, displayRequestDuration: true },
    });
  });
}
