import { fastify } from 'fastify';
import { test } from 'tap';

import { buildRegistration } from '../../src/registration/payload.ts';
import { registrationPlugin } from '../../src/registration/plugin.ts';
import { captureLog } from '../support/log-lines.ts';
import { answer, silence, startRegistry } from '../support/registry.ts';

const registration = buildRegistration({ name: 'provider-1', endpoint: 'http://provider:8080' });

async function buildServer(registrationUrl: string) {
  const { log, lines } = captureLog();
  const app = fastify();
  await app.register(registrationPlugin, { registrationUrl, registration, log });
  return { app, lines };
}

test('registers when the server listens, and not before', async (t) => {
  await using registry = await startRegistry();
  const { app, lines } = await buildServer(registry.url);
  t.teardown(() => app.close());
  await app.ready();
  t.equal(registry.requests.length, 0);
  await app.listen({ port: 0, host: '127.0.0.1' });
  await registry.received(1);
  while (lines.length === 0) await new Promise(setImmediate);
  t.equal(lines[0]?.msg, 'registered');
});

test('a registry that never answers delays neither the start nor the stop', async (t) => {
  await using registry = await startRegistry();
  registry.behave(silence);
  const { app, lines } = await buildServer(registry.url);
  await app.listen({ port: 0, host: '127.0.0.1' });
  await registry.received(1);
  await app.close();
  t.strictSame(lines, []);
});

test('makes no more tries once the server closes', async (t) => {
  await using registry = await startRegistry();
  registry.behave(answer(500));
  const { app, lines } = await buildServer(registry.url);
  await app.listen({ port: 0, host: '127.0.0.1' });
  while (lines.length === 0) await new Promise(setImmediate);
  await app.close();
  t.equal(registry.requests.length, 1);
  t.equal(lines.length, 1);
});
