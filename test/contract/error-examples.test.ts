/** The errors that the document shows are answers that the service gives, word for word. */
import t from 'tap';
import type { OpenApiDocument, Response as DeclaredResponse } from '../../src/http/contract/document.ts';
import { containerSpec } from '../support/http.ts';
import { startOpenIdProvider } from '../support/openid-provider.ts';
import type { OpenIdProvider } from '../support/openid-provider.ts';
import type { ProviderProcess } from '../support/provider.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

const problemType = 'application/problem+json';
const collection = '/api/v1alpha1/containers';

interface Sent {
  method: string;
  path?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** A provider, one that asks for tokens, and one that serves logs. */
interface Stage {
  system: System;
  secured: ProviderProcess;
  logging: ProviderProcess;
  issuer: OpenIdProvider;
}

const json = { 'content-type': 'application/json' };
const valid = JSON.stringify({ spec: containerSpec() });
const create: Sent = { method: 'POST', body: valid, headers: json };

/** What is asked for each of the document's examples, by the name of the response. */
const provocations: Record<string, (stage: Stage) => Promise<unknown>> = {
  BadRequest: ({ system }) => {
    const spec = containerSpec({ image: {} as never });
    spec.resources.cpu.min = 0;
    return problemOf(system.provider, { ...create, body: JSON.stringify({ spec }) });
  },
  NoLog: ({ system }) => problemOf(system.provider, { method: 'GET', path: '/web-1:logs' }),
  NoLogNow: async ({ system, logging }) => {
    await problemOf(system.provider, { ...create, path: '?id=web-1' });
    await system.workloads.until('pods', 'web-1', (pods) => pods[0]?.spec.nodeName !== undefined);
    const message = 'Get "https://192.0.2.10:10250/": dial tcp 192.0.2.10:10250: connect: connection refused';
    using _ = system.cluster.sandbox!.faults.refuse({ code: 500, message }, { resource: 'pods/log' });
    return await problemOf(logging, { method: 'GET', path: '/web-1:logs' });
  },
  NotFound: ({ system }) => problemOf(system.provider, { method: 'GET', path: '/web-1' }),
  Conflict: async ({ system }) => {
    await problemOf(system.provider, { ...create, path: '?id=web-1' });
    return await problemOf(system.provider, { ...create, path: '?id=web-1' });
  },
  PreconditionFailed: ({ system }) =>
    problemOf(system.provider, {
      method: 'PATCH',
      path: '/web-1',
      body: '{"spec": {}}',
      headers: { 'content-type': 'application/merge-patch+json', 'if-match': '"other"' },
    }),
  BodyTooLarge: ({ system }) => problemOf(system.provider, { ...create, body: valid.padEnd(200 * 1024 + 1) }),
  UnsupportedMediaType: ({ system }) =>
    problemOf(system.provider, { ...create, headers: { 'content-type': 'text/plain' } }),
  InternalError: async ({ system }) => {
    using _ = system.cluster.sandbox!.faults.refuse(
      { code: 403, message: 'deployments.apps is forbidden: User "x" cannot create resource "deployments"' },
      { verb: 'create' },
    );
    return await problemOf(system.provider, create);
  },
  Unavailable: async ({ system }) => {
    using _ = system.cluster.sandbox!.faults.drop({ verb: 'list' });
    return await problemOf(system.provider, { method: 'GET', path: '/web-2' });
  },
  Unauthorized: ({ secured }) => problemOf(secured, { method: 'GET' }),
  Forbidden: async ({ secured, issuer }) => {
    const authorization = `Bearer ${await issuer.token({ scope: 'other' })}`;
    return await problemOf(secured, { method: 'GET', headers: { authorization } });
  },
  Problem: ({ system }) => problemOf(system.provider, { ...create, method: 'PUT' }),
};

async function problemOf({ url }: ProviderProcess, { path = '', ...request }: Sent): Promise<unknown> {
  return await (await fetch(`${url}${collection}${path}`, request)).json();
}

/** Of the document as it is served. */
async function readExamples({ url }: ProviderProcess): Promise<(readonly [name: string, example: unknown])[]> {
  const { components } = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApiDocument;
  return Object.entries(components!['responses'] as Record<string, DeclaredResponse>).flatMap(([name, { content }]) => {
    const example = content?.[problemType]?.example;
    return example === undefined ? [] : [[name, example] as const];
  });
}

t.test('every example of an error is an answer of the service', async (t) => {
  await using issuer = await startOpenIdProvider();
  await using system = await startSystem({ on: 'sandbox' });
  const examples = await readExamples(system.provider);
  t.same(examples.map(([name]) => name).sort(), Object.keys(provocations).sort());
  const secured = await system.addProvider({
    SP_AUTH_ISSUER: issuer.issuer,
    SP_AUTH_AUDIENCE: 'containers',
    SP_AUTH_SCOPE: 'containers',
  });
  const logging = await system.addProvider({ SP_LOGS: 'true' });
  const stage = { system, secured, logging, issuer };
  for (const [name, example] of examples) t.same(await provocations[name]!(stage), example, name);
});
