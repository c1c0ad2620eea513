/** What can be made to go wrong in the sandbox's API, and that it goes wrong just so. */
import t from 'tap';
import { eventually, openSandbox } from '../support/kubernetes.ts';
import { startKubernetesApi } from '../../scripts/sandbox/kubernetes/api.ts';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { deployment, idleDeployment, mergePatch, pathsIn } from '../conformance/objects.ts';

async function startApi() {
  const api = await startKubernetesApi({ controllers: false });
  const { deployments, pods } = pathsIn('default');
  const url = (path: string): string => `${api.url}${path}`;
  return {
    ...api,
    deployments: url(deployments),
    pods: url(pods),
    post: (name: string) =>
      fetch(url(deployments), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(idleDeployment(name)),
      }),
  };
}

t.test('refuses the next requests with a status, a reason and a time to wait, then works again', async (t) => {
  await using api = await startApi();
  const fault = api.faults.refuse({ code: 429, retryAfter: 3 }, { verb: 'list', resource: 'deployments', times: 2 });
  for (let request = 0; request < 2; request += 1) {
    const response = await fetch(api.deployments);
    t.equal(response.status, 429);
    t.equal(response.headers.get('retry-after'), '3');
    t.match(await response.json(), { kind: 'Status', reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } });
  }
  t.equal((await fetch(api.deployments)).status, 200);
  t.equal(fault.hits, 2);
});

t.test('meets only the verbs and resources that it is meant for, until it is removed', async (t) => {
  await using api = await startApi();
  {
    using _fault = api.faults.refuse({ code: 500 }, { verb: ['create', 'delete'], resource: 'deployments' });
    t.equal((await api.post('a')).status, 500);
    t.equal((await fetch(api.deployments)).status, 200);
    t.equal((await fetch(api.pods)).status, 200);
  }
  t.equal((await api.post('a')).status, 201);
});

t.test('answers with the causes, or the very body, that a test gives', async (t) => {
  await using api = await startApi();
  const causes = [{ field: 'spec.x', reason: 'FieldValueInvalid', message: 'Invalid value' }];
  api.faults.refuse({ code: 422, causes, message: 'no' }, { verb: 'create', times: 1 });
  t.match(await (await api.post('a')).json(), { code: 422, reason: 'Invalid', message: 'no', details: { causes } });
  api.faults.refuse({ code: 502, body: '<html>bad gateway</html>', contentType: 'text/html' }, { times: 1 });
  const page = await fetch(api.deployments);
  t.match([page.status, page.headers.get('content-type'), await page.text()], [502, 'text/html', /bad gateway/]);
});

t.test('drops a connection before the request is carried out, or after it', async (t) => {
  await using api = await startApi();
  api.faults.drop({ verb: 'create', times: 1 });
  await t.rejects(api.post('before'));
  t.equal(api.objects.get({ resource: 'deployments', name: 'before' }), undefined);
  api.faults.dropAnswer({ verb: 'create', times: 1 });
  await t.rejects(api.post('after'));
  t.equal(api.objects.get({ resource: 'deployments', name: 'after' })?.metadata.name, 'after');
});

t.test('hangs until the client gives up, and delays', async (t) => {
  await using api = await startApi();
  api.faults.hang({ resource: '/version', times: 1 });
  await t.rejects(fetch(`${api.url}/version`, { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' });
  api.faults.delay(150, { resource: '/version', times: 1 });
  const start = performance.now();
  t.equal((await fetch(`${api.url}/version`)).status, 200);
  t.ok(performance.now() - start >= 140);
});

t.test('closes at once whatever hangs, waits or watches', async (t) => {
  const api = await startApi();
  api.faults.hang({ resource: 'pods', verb: 'list' });
  api.faults.delay(60_000, { resource: '/version' });
  const pending = [fetch(api.pods), fetch(`${api.url}/version`)].map((request) => request.catch(() => 'cut'));
  const watch = await fetch(`${api.deployments}?watch=true`);
  await eventually(
    () => api.requests.count(),
    (count) => count === 3,
  );
  await api.close();
  t.strictSame(await Promise.all(pending), ['cut', 'cut']);
  await t.rejects(watch.text());
});

t.test('counts what was asked, by verb and resource', async (t) => {
  await using api = await startApi();
  await api.post('a');
  await fetch(`${api.deployments}/a`);
  await fetch(`${api.deployments}?labelSelector=a%3Db`);
  await fetch(`${api.url}/version`);
  t.equal(api.requests.count(), 4);
  t.equal(api.requests.count({ resource: 'deployments' }), 3);
  t.equal(api.requests.count({ verb: ['get', 'list'], resource: 'deployments' }), 2);
  t.match(api.requests.last({ verb: 'list' }), [{ namespace: 'default', query: '?labelSelector=a%3Db' }]);
  api.requests.clear();
  t.equal(api.requests.count(), 0);
});

t.test('cuts, ends, fails and silences open watches', async (t) => {
  await using cluster = await openSandbox({ controllers: false, bookmarkMilliseconds: 50 });
  const { sandbox } = cluster;
  const { deployments } = pathsIn(cluster.namespace);
  const open = () => cluster.watch(`${deployments}?watch=true`);
  await using cut = await open();
  t.equal(sandbox.faults.openWatches('deployments'), 1);
  sandbox.faults.resetWatches('deployments');
  await t.rejects(cut.next());

  await using ended = await open();
  sandbox.faults.endWatches();
  t.equal(await ended.next(), undefined);

  await using failed = await open();
  sandbox.faults.failWatches(410);
  t.match(await failed.next(), { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
  t.equal(await failed.next(), undefined);

  await using silent = await cluster.watch(`${deployments}?watch=true&allowWatchBookmarks=true`);
  await silent.until(({ type }) => type === 'BOOKMARK');
  sandbox.faults.silenceWatches('deployments');
  await cluster.request('POST', deployments, idleDeployment('unheard'));
  await using fresh = await cluster.watch(`${deployments}?watch=true&allowWatchBookmarks=true`);
  t.match(await fresh.next(), { type: 'ADDED', object: { metadata: { name: 'unheard' } } });
  const first = silent.next().then(() => 'heard');
  const bookmarked = fresh.until(({ type }) => type === 'BOOKMARK').then(() => 'silent');
  t.equal(await Promise.race([first, bookmarked]), 'silent');
  first.catch(() => undefined);
});

t.test('lets versions and tokens expire, as an ERROR in a watch and a 410 for a list', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  const { sandbox } = cluster;
  const { deployments } = pathsIn(cluster.namespace);
  for (const name of ['a', 'b', 'c']) await cluster.request('POST', deployments, idleDeployment(name));
  const { body } = await cluster.request('GET', `${deployments}?limit=1`);
  sandbox.compact();
  await using watch = await cluster.watch(`${deployments}?watch=true&resourceVersion=${body.metadata.resourceVersion}`);
  t.equal(watch.status, 200);
  t.match(await watch.next(), {
    type: 'ERROR',
    object: { code: 410, reason: 'Expired', message: /^too old resource version/ },
  });
  t.equal(await watch.next(), undefined);
  const next = await cluster.request('GET', `${deployments}?limit=1&continue=${body.metadata.continue}`);
  t.match(next, { status: 410, body: { reason: 'Expired', metadata: { continue: /./ } } });
  const rest = await cluster.request('GET', `${deployments}?continue=${next.body.metadata.continue}`);
  t.equal(rest.body.items.length, 2, 'the token in the error goes on with what is there now');
});

t.test('makes Deployments report what refuses their Pods', async (t) => {
  await using cluster = await openSandbox({ controllers: quickTimes });
  const { sandbox } = cluster;
  const { deployments } = pathsIn(cluster.namespace);
  const message = 'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0';
  const fault = sandbox.faults.refuse({ code: 403, message }, { verb: 'create', resource: 'pods' });
  await cluster.request('POST', deployments, deployment('refused'));
  const failed = await eventually(
    () => cluster.request('GET', `${deployments}/refused`),
    ({ body }) => body.status.conditions?.some(({ type }: { type: string }) => type === 'ReplicaFailure') === true,
  );
  t.match(failed.body.status.conditions, [
    {},
    {},
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message },
  ]);
  fault.remove();
  await cluster.request('PATCH', `${deployments}/refused`, { metadata: { labels: { a: 'b' } } }, mergePatch);
  await eventually(
    () => cluster.request('GET', `${deployments}/refused`),
    ({ body }) => body.status.availableReplicas === 1,
  );
});
