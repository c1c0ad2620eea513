/** The sandbox's API as a server: what clients find, and that bad input does it no harm. */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { AppsV1Api, KubeConfig } from '@kubernetes/client-node';
import fc from 'fast-check';
import t from 'tap';
import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { openSandbox } from '../support/kubernetes.ts';
import { idleDeployment, pathsIn } from '../conformance/objects.ts';

const { deployments } = pathsIn('default');

for (const tls of [false, true]) {
  t.test(`is found by client-node through its kubeconfig, over ${tls ? 'TLS' : 'plain HTTP'}`, async (t) => {
    await using api = await startKubernetesApi({ controllers: false, tls });
    const file = await api.writeKubeconfig();
    const config = new KubeConfig();
    config.loadFromFile(file);
    const client = config.makeApiClient(AppsV1Api);
    const body = idleDeployment('a') as unknown as Parameters<typeof client.createNamespacedDeployment>[0]['body'];
    const created = await client.createNamespacedDeployment({ namespace: 'default', body });
    t.ok(created.metadata?.creationTimestamp instanceof Date);
    t.equal((await client.listNamespacedDeployment({ namespace: 'default' })).items.length, 1);
    await api.close();
    await t.rejects(readFile(file), { code: 'ENOENT' });
  });
}

t.test('prints tables for kubectl, whose watches name the columns once', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
  for (const name of ['a', 'b'])
    await cluster.request('POST', pathsIn(cluster.namespace).deployments, idleDeployment(name));
  const { body } = await cluster.request('GET', pathsIn(cluster.namespace).deployments, undefined, accept);
  t.match(body, {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    rows: [{ cells: ['a', '0/0', 0, 0, /s$/] }, { cells: ['b'] }],
  });
  const shown = body.columnDefinitions.filter(({ priority }: { priority: number }) => priority === 0);
  t.strictSame(
    shown.map(({ name }: { name: string }) => name),
    ['Name', 'Ready', 'Up-to-date', 'Available', 'Age'],
  );
  t.match(body.rows[0].object, { kind: 'PartialObjectMetadata', metadata: { name: 'a' } });
});

t.test('tells kubectl that it checks fields', async (t) => {
  await using api = await startKubernetesApi({ controllers: false });
  const index = (await (await fetch(`${api.url}/openapi/v3`)).json()) as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  const link = index.paths['apis/apps/v1']?.serverRelativeURL ?? '';
  const description = (await (await fetch(`${api.url}${link}`)).json()) as { paths: Record<string, unknown> };
  t.match(description.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'], {
    patch: { parameters: [{ name: 'dryRun' }, { name: 'fieldValidation' }] },
  });
});

t.test('survives bytes that are no HTTP, and requests that break off', async (t) => {
  await using api = await startKubernetesApi({ controllers: false });
  const { port } = new URL(api.url);
  for (const bytes of [
    'nonsense\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    'GET //// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    `POST ${deployments} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"a":`,
  ]) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.end(bytes);
    const answer = await text(socket);
    t.notMatch(answer, /^HTTP\/1\.1 (2|5)/, JSON.stringify(bytes));
  }
  t.equal((await fetch(`${api.url}/version`)).status, 200);
});

t.test('answers any JSON in place of an object with a Status, and never with an internal error', async () => {
  await using api = await startKubernetesApi({ controllers: false });
  const field = fc.constantFrom(
    'metadata',
    'spec',
    'template',
    'containers',
    'name',
    'ports',
    'selector',
    'labels',
    '__proto__',
  );
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 6 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(field, tie('json'), { maxKeys: 4 }),
      fc.array(tie('json'), { maxLength: 2 }),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(json, fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE'), async (body, method) => {
      const path = method === 'POST' ? deployments : `${deployments}/a`;
      const contentType = method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';
      const response = await fetch(`${api.url}${path}?dryRun=All`, {
        method,
        headers: { 'content-type': contentType },
        body: JSON.stringify(body),
      });
      const answer = (await response.json()) as { kind: string };
      return response.status < 500 && (answer.kind === 'Status' || answer.kind === 'Deployment');
    }),
    { numRuns: 300, examples: [[JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}'), 'POST']] },
  );
});

t.test('refuses bodies that are too large', async (t) => {
  await using api = await startKubernetesApi({ controllers: false });
  const response = await fetch(`${api.url}${deployments}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"metadata":{"name":"${'a'.repeat(4 * 1024 * 1024)}"}}`,
  });
  t.equal(response.status, 413);
});

t.test('may be closed twice', async (t) => {
  const api = await startKubernetesApi();
  await Promise.all([api.close(), api.close()]);
  await t.rejects(fetch(`${api.url}/version`));
});
