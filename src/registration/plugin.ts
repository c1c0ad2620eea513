/** Registration as a part of the HTTP service's life: it begins when the server listens and ends when it closes. */
import fastifyPlugin from 'fastify-plugin';

import { register } from './registrar.ts';
import type { RegistrarOptions } from './registrar.ts';

/** Neither the start nor the stop of the server waits for the registry. */
export const registrationPlugin = fastifyPlugin<RegistrarOptions>(
  (app, options, done) => {
    const ended = new AbortController();
    app.addHook('onListen', (listening) => {
      void register(options, ended.signal);
      listening();
    });
    app.addHook('preClose', (closing) => {
      ended.abort();
      closing();
    });
    done();
  },
  { name: 'registration', fastify: '5.x' },
);
