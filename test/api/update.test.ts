import t from 'tap';
import type { HintPolicy } from '../../src/containers/hints.ts';
import { defaultHintPolicy } from '../../src/containers/hints.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import type { NamedProblem } from '../../scripts/contract/problem-types.ts';
import { containerSpec, startHttpServer } from '../support/http.ts';
import type { HttpServer } from '../support/http.ts';

const mergePatchType = 'application/merge-patch+json';

/** With a container `web-1`, whose hints may have been allowed before. */
async function startWithContainer(spec = containerSpec(), hintPolicy: HintPolicy = defaultHintPolicy) {
  const server = await startHttpServer({ hintPolicy });
  const { repository } = server;
  await repository.create({ id: 'web-1', spec }, { signal: new AbortController().signal });
  return server;
}

function patch({ url }: HttpServer, body: unknown, headers: Record<string, string> = {}, query = '') {
  return conformingFetch(`${url}/api/v1alpha1/containers/web-1${query}`, {
    method: 'PATCH',
    headers: { 'content-type': mergePatchType, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

t.test('an update', async (t) => {
  await t.test('merges what is sent into the spec, and answers with the container', async (t) => {
    await using server = await startWithContainer(containerSpec({ kept: { a: 1, b: 2 } }));
    const answer = await patch(server, '{"spec": {"kept": {"a": null, "c": 1e400}, "image": {"reference": "web:2"}}}');
    t.equal(answer.status, 200);
    const text = await answer.text();
    t.match(text, /"kept":\{"b":2,"c":1e400\}/);
    t.match(JSON.parse(text), { id: 'web-1', spec: { image: { reference: 'web:2' }, metadata: { name: 'web' } } });
    t.match(answer.headers.get('etag'), /^"[\w-]+"$/);
  });

  await t.test('keeps what was read when that is sent back', async (t) => {
    await using server = await startWithContainer();
    const read = await server.client.GET('/containers/{container_id}', { params: { path: { container_id: 'web-1' } } });
    const answer = await patch(server, read.data);
    t.equal(answer.status, 200);
    t.same(await answer.json(), read.data);
    t.equal(answer.headers.get('etag'), read.response.headers.get('etag'));
  });

  await t.test('tells all that is wrong with what would come out, at once', async (t) => {
    await using server = await startWithContainer();
    const answer = await patch(server, {
      spec: {
        metadata: { name: 'other', namespace: 'elsewhere', labels: { 'dcm.project/x': '1' } },
        image: null,
        resources: { cpu: { min: 3 } },
      },
    });
    t.equal(answer.status, 400);
    const { errors } = (await answer.json()) as NamedProblem;
    t.same(
      new Map(errors!.map(({ pointer, detail }) => [pointer, detail])),
      new Map([
        ['/spec/metadata/name', 'cannot be changed'],
        ['/spec/metadata/namespace', 'cannot be changed'],
        ['/spec/metadata/labels/dcm.project~1x', 'must not have a key under dcm.project/, which is reserved'],
        ['/spec/image', 'is required'],
        ['/spec/resources/cpu/min', 'must be <= max'],
      ]),
    );
  });

  for (const [what, body] of Object.entries({
    'no spec': '{}',
    'null for a spec': '{"spec": null}',
    'a list': '[]',
    'no object': '"x"',
    'half a surrogate pair': String.raw`{"spec": {"image": {"reference": "\ud800"}}}`,
    'members that are too deep': `{"spec": {"a": ${'{"b":'.repeat(600)}1${'}'.repeat(600)}}}`,
    'members that are far too deep': `{"spec": {"a": ${'{"b":'.repeat(20_000)}1${'}'.repeat(20_000)}}}`,
    'another service type': '{"spec": {"service_type": "vm"}}',
    'a name that goes': '{"spec": {"metadata": {"name": null}}}',
  })) {
    await t.test(`is 400 with ${what}`, async (t) => {
      await using server = await startWithContainer();
      const before = server.repository.containers.get('web-1');
      t.equal((await patch(server, body)).status, 400);
      t.equal(server.repository.containers.get('web-1'), before);
    });
  }

  await t.test('is 415 with another media type, and tells which it takes', async (t) => {
    await using server = await startWithContainer();
    for (const type of ['application/json', 'application/json-patch+json', 'text/plain']) {
      const answer = await patch(server, '{"spec": {}}', { 'content-type': type });
      t.equal(answer.status, 415, type);
      t.equal(answer.headers.get('accept-patch'), mergePatchType);
    }
    t.equal((await patch(server, '{"spec": {}}', { 'content-type': `${mergePatchType}; charset=utf-8` })).status, 200);
    const create = await conformingFetch(`${server.url}/api/v1alpha1/containers`, {
      method: 'POST',
      headers: { 'content-type': mergePatchType },
      body: JSON.stringify({ spec: containerSpec() }),
    });
    t.equal(create.status, 415);
  });

  await t.test('is for the version that If-Match names', async (t) => {
    await using server = await startWithContainer();
    const first = await patch(server, { spec: { a: 1 } });
    const tag = first.headers.get('etag')!;
    t.equal((await patch(server, { spec: { a: 2 } }, { 'if-match': `"other", ${tag}` })).status, 200);
    t.equal((await patch(server, { spec: { a: 3 } }, { 'if-match': tag })).status, 412);
    t.equal((await patch(server, { spec: { a: 3 } }, { 'if-match': `W/${tag}` })).status, 412);
    t.equal((await patch(server, { spec: { a: 4 } }, { 'if-match': '*' })).status, 200);
    const malformed = await patch(server, { spec: { a: 5 } }, { 'if-match': 'x' });
    t.match(await malformed.json(), { status: 400, errors: [{ parameter: 'If-Match' }] });
    t.match(server.repository.containers.get('web-1')!.spec, { a: 4 });
  });

  await t.test('changes nothing with validate_only', async (t) => {
    await using server = await startWithContainer();
    const answer = await patch(server, { spec: { a: 1 } }, {}, '?validate_only=true');
    t.match(await answer.json(), { spec: { a: 1 } });
    t.notOk('a' in server.repository.containers.get('web-1')!.spec);
  });

  await t.test('lets the container grow no larger than a request may be', async (t) => {
    await using server = await startWithContainer(containerSpec({ big: 'x'.repeat(150_000) }));
    const answer = await patch(server, { spec: { more: 'x'.repeat(100_000) } });
    t.match(await answer.json(), { status: 400, errors: [{ pointer: '/spec' }] });
  });

  await t.test('leaves hints that are no longer allowed, unless it touches them', async (t) => {
    const kubernetes = {
      node_selector: { disktype: 'ssd' },
      image_pull_secrets: [{ name: 'old' }],
      volumes: [{ name: 'v', mount_path: '/v', secret: { secret_name: 's' } }],
    };
    await using server = await startWithContainer(containerSpec({ provider_hints: { kubernetes } }));
    t.equal((await patch(server, { spec: { image: { reference: 'web:2' } } })).status, 200);
    const touch = (hints: object) => patch(server, { spec: { provider_hints: { kubernetes: hints } } });
    t.equal((await touch({ readiness_probe: { tcp_socket: { port: 80 } } })).status, 200, 'another one');
    t.equal((await touch({ node_selector: { disktype: 'hdd' } })).status, 400);
    t.equal((await touch({ image_pull_secrets: [{ name: 'old' }, { name: 'new' }] })).status, 400);
    t.equal((await touch({ volumes: [] })).status, 200);
    t.equal((await touch({ node_selector: null })).status, 200);
    t.equal((await touch({ node_selector: { disktype: 'ssd' } })).status, 400, 'once it has gone');
  });

  await t.test('is 404 where there is no container', async (t) => {
    await using server = await startWithContainer();
    server.repository.containers.clear();
    t.equal((await patch(server, { spec: {} })).status, 404);
  });
});

t.test('a restart takes no body, and answers with the container', async (t) => {
  await using server = await startWithContainer();
  const restart = (id: string) =>
    conformingFetch(`${server.url}/api/v1alpha1/containers/${id}:restart`, { method: 'POST' });
  const answer = await restart('web-1');
  t.equal(answer.status, 200);
  t.match(await answer.json(), { id: 'web-1' });
  t.equal((await restart('other')).status, 404);
  const read = await fetch(`${server.url}/api/v1alpha1/containers/web-1:restart`);
  t.equal(read.status, 405);
  t.equal(read.headers.get('allow'), 'POST');
});
