/** Reading: one object, whole lists, pages, selectors. */
import t from 'tap';
import { openCluster } from '../support/kubernetes.ts';
import { idleDeployment, mergePatch, pathsIn } from './objects.ts';

const cluster = await openCluster({ controllers: false });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { deployments, services } = pathsIn(cluster.namespace);
const names = Array.from({ length: 25 }, (_, index) => `listed-${String(index).padStart(2, '0')}`);

t.before(async () => {
  await Promise.all(
    names.map((name, index) => {
      const body = idleDeployment(name);
      const labels = { app: 'listed', parity: index % 2 === 0 ? 'even' : 'odd', ...(index === 0 && { first: '' }) };
      return cluster.request('POST', deployments, { ...body, metadata: { name, labels } });
    }),
  );
});

interface Item {
  metadata: { name: string; resourceVersion: string };
}

function namesOf(items: Item[]): string[] {
  return items.map(({ metadata }) => metadata.name);
}

t.test('lists objects by name, without their kind, under the version of the list', async (t) => {
  const { status, body } = await cluster.request('GET', deployments);
  t.match({ status, body }, { status: 200, body: { kind: 'DeploymentList', apiVersion: 'apps/v1' } });
  t.strictSame(namesOf(body.items), names);
  t.equal(body.items[0].kind, undefined);
  t.equal(body.items[0].apiVersion, undefined);
  t.match(body.metadata.resourceVersion, /^\d+$/);
  t.equal(body.metadata.continue, undefined);
});

t.test('lists nothing of a namespace that is empty or missing, as an empty array', async (t) => {
  t.strictSame((await cluster.request('GET', services)).body.items, []);
  const missing = await cluster.request('GET', pathsIn('no-such-namespace').deployments);
  t.match(missing, { status: 200, body: { items: [] } });
});

t.test('answers 404 with a Status for what is missing', async (t) => {
  t.match(await cluster.request('GET', `${deployments}/missing`), {
    status: 404,
    headers: { 'content-type': /^application\/json/ },
    body: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'deployments.apps "missing" not found',
      reason: 'NotFound',
      details: { name: 'missing', group: 'apps', kind: 'deployments' },
      code: 404,
    },
  });
  t.match(await cluster.request('GET', `/apis/apps/v1/namespaces/${cluster.namespace}/nothings`), {
    status: 404,
    body: { reason: 'NotFound', message: 'the server could not find the requested resource' },
  });
});

t.test('gives each object once over pages that all show the state of the first', async (t) => {
  const seen: string[] = [];
  const versions = new Set<string>();
  let path = `${deployments}?limit=10`;
  for (let page = 0; path !== ''; page += 1) {
    const { body } = await cluster.request('GET', path);
    seen.push(...namesOf(body.items));
    versions.add(body.metadata.resourceVersion);
    const token: string | undefined = body.metadata.continue;
    t.equal(body.metadata.remainingItemCount, token === undefined ? undefined : 25 - seen.length);
    path = token === undefined ? '' : `${deployments}?limit=10&continue=${encodeURIComponent(token)}`;
    if (page === 0) {
      await cluster.request('DELETE', `${deployments}/listed-24`);
      await cluster.request('POST', deployments, idleDeployment('listed-15-more'));
    }
  }
  t.strictSame(seen, names);
  t.equal(versions.size, 1);
  await cluster.request('POST', deployments, {
    ...idleDeployment('listed-24'),
    metadata: { name: 'listed-24', labels: { app: 'listed', parity: 'even' } },
  });
  await cluster.request('DELETE', `${deployments}/listed-15-more`);
});

t.test('pages through what a selector selects, without counting the rest', async (t) => {
  const query = 'labelSelector=parity%3Deven&limit=10';
  const { body } = await cluster.request('GET', `${deployments}?${query}`);
  t.equal(body.items.length, 10);
  t.equal(body.metadata.remainingItemCount, undefined);
  const token = encodeURIComponent(body.metadata.continue);
  const rest = await cluster.request('GET', `${deployments}?${query}&continue=${token}`);
  t.strictSame(
    [...namesOf(body.items), ...namesOf(rest.body.items)],
    names.filter((_, index) => index % 2 === 0),
  );
});

t.test('pages through two selections side by side', async (t) => {
  const page = async (parity: string, token = '') => {
    const query = `labelSelector=parity%3D${parity}&limit=10&continue=${encodeURIComponent(token)}`;
    const { body } = await cluster.request('GET', `${deployments}?${query}`);
    return { listed: namesOf(body.items), token: body.metadata.continue };
  };
  const [even, odd] = [await page('even'), await page('odd')];
  const [restOfEven, restOfOdd] = [await page('even', even.token), await page('odd', odd.token)];
  const half = (remainder: number) => names.filter((_, index) => index % 2 === remainder);
  t.strictSame([...even.listed, ...restOfEven.listed], half(0));
  t.strictSame([...odd.listed, ...restOfOdd.listed], half(1));
});

const selections: [selector: string, count: number][] = [
  ['app=listed', 25],
  ['app==listed,parity=odd', 12],
  ['parity!=odd', 13],
  ['parity in (even,odd)', 25],
  ['parity in (even)', 13],
  ['parity notin (even)', 12],
  ['first', 1],
  ['!first', 24],
  ['missing=x', 0],
  ['missing!=x', 25],
  ['first=', 1],
];
for (const [selector, count] of selections) {
  t.test(`selects by ${selector}`, async (t) => {
    const { body } = await cluster.request('GET', `${deployments}?labelSelector=${encodeURIComponent(selector)}`);
    t.equal(body.items.length, count);
  });
}

t.test('refuses selectors, tokens and versions that do not parse', async (t) => {
  const wrong = [
    'labelSelector=%3D',
    'labelSelector=a%20b',
    'labelSelector=a%20in%20(b',
    'labelSelector=a%20in%20(b%20c)',
    'fieldSelector=spec.nothing%3D1',
    'continue=abc',
    'resourceVersion=abc',
    'limit=abc',
  ];
  for (const query of wrong) {
    const answer = await cluster.request('GET', `${deployments}?${query}`);
    t.match(answer, { status: 400, body: { kind: 'Status', reason: 'BadRequest' } }, query);
  }
  for (const query of ['resourceVersionMatch=Exact', 'resourceVersion=0&resourceVersionMatch=Exact']) {
    const answer = await cluster.request('GET', `${deployments}?${query}`);
    t.match(answer, { status: 422, body: { details: { causes: [{ field: 'resourceVersionMatch' }] } } }, query);
  }
});

t.test('selects by name', async (t) => {
  const { body } = await cluster.request('GET', `${deployments}?fieldSelector=metadata.name%3Dlisted-07`);
  t.strictSame(namesOf(body.items), ['listed-07']);
});

t.test('serves a list from any version, and times out on one that has not been', async (t) => {
  t.equal((await cluster.request('GET', `${deployments}?resourceVersion=0`)).body.items.length, 25);
  const { body } = await cluster.request('GET', deployments);
  const version = body.metadata.resourceVersion;
  const same = await cluster.request(
    'GET',
    `${deployments}?resourceVersion=${version}&resourceVersionMatch=NotOlderThan`,
  );
  t.equal(same.body.items.length, 25);
  const future = await cluster.request('GET', `${deployments}?resourceVersion=999999999999`);
  t.match(future, {
    status: 504,
    body: { reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
  });
});

t.test('lists over all namespaces', async (t) => {
  const { body } = await cluster.request('GET', '/apis/apps/v1/deployments?labelSelector=app%3Dlisted');
  t.ok(body.items.length >= 25);
});

t.test('shows a change in the next read', async (t) => {
  const patch = { metadata: { labels: { changed: 'yes' } } };
  await cluster.request('PATCH', `${deployments}/listed-03`, patch, mergePatch);
  const { body } = await cluster.request('GET', `${deployments}?labelSelector=changed%3Dyes`);
  t.strictSame(namesOf(body.items), ['listed-03']);
});

t.test('tells its version, its health and its resources', async (t) => {
  t.match((await cluster.request('GET', '/version')).body, { major: /^\d+$/, minor: /^\d+/, gitVersion: /^v1\.\d+/ });
  for (const path of ['/livez', '/readyz']) t.equal((await cluster.request('GET', path)).body, 'ok');
  const core = await cluster.request('GET', '/api/v1');
  const kinds = core.body.resources.map(({ name }: { name: string }) => name);
  for (const name of ['namespaces', 'pods', 'pods/status', 'services', 'events']) t.ok(kinds.includes(name), name);
  const group = await cluster.request('GET', '/apis/apps/v1');
  t.match(group.body, { kind: 'APIResourceList', groupVersion: 'apps/v1' });
});
