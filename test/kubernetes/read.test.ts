import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';

import { ConflictError, InvalidArgumentError, NotFoundError, UnavailableError } from '../../src/containers/errors.ts';
import { parseFilter } from '../../src/containers/filter.ts';
import { cachedObjects, connect, openSandbox, quickReflector, unhurried } from '../support/cluster.ts';
import type { ConnectedCluster } from '../support/cluster.ts';
import { containerSpec, withPorts } from '../support/base-spec.ts';
import { eventually } from '../support/kubernetes.ts';
import { legacyDeployment, legacyService } from '../support/legacy.ts';

/** All pages, and how many there were. */
async function walk(
  { repository }: ConnectedCluster,
  { pageSize, filter }: { pageSize: number; filter?: string },
  betweenPages?: () => Promise<void>,
) {
  const ids: string[] = [];
  const filtered = filter !== undefined && { filter: parseFilter(filter) };
  let pageToken: string | undefined;
  let pages = 0;
  do {
    const request = { pageSize, ...filtered, ...(pageToken !== undefined && { pageToken }) };
    const page = await repository.list(request, unhurried());
    if (page.nextPageToken !== undefined) t.equal(page.containers.length, pageSize);
    ids.push(...page.containers.map(({ id }) => id));
    pageToken = page.nextPageToken;
    pages++;
    if (pageToken !== undefined) await betweenPages?.();
  } while (pageToken !== undefined);
  return { ids, pages };
}

t.test('reads from memory', async (t) => {
  await using cluster = await openSandbox();
  await using connected = await connect(cluster);
  const { repository } = connected;
  const { requests, objects } = cluster.sandbox;
  await repository.create({ id: 'web', spec: withPorts({ 80: 'external' }) }, unhurried());

  await t.test('cost no call to the cluster, except one for an id that is not known', async (t) => {
    requests.clear();
    for (let round = 0; round < 100; round++) {
      await repository.get('web', unhurried());
      await repository.list({ pageSize: 10 }, unhurried());
    }
    t.equal(requests.count({ verb: ['get', 'list', 'create', 'delete'] }), 0);
    await t.rejects(repository.get('absent', unhurried()), NotFoundError);
    t.equal(requests.count({ verb: ['get', 'list'] }), 1);
  });

  await t.test('follow what happens in the cluster', async (t) => {
    const running = await eventually(
      () => repository.get('web', unhurried()),
      ({ status, service }) => status === 'RUNNING' && service?.external_ip !== undefined,
    );
    t.match(running, {
      spec: { network: { ip: /^10\./, ports: [{ container_port: 80, visibility: 'external' }] } },
      service: { type: 'LoadBalancer', ports: [{ port: 80, target_port: 80, node_port: Number, protocol: 'TCP' }] },
    });
    t.ok(running.update_time >= running.create_time);
    t.match((await repository.list({ pageSize: 1 }, unhurried())).containers, [running]);
  });

  await t.test('show an update time that never goes back, when the Pod disappears', async (t) => {
    const [pod] = objects.list('pods', cluster.namespace);
    const place = { resource: 'pods', namespace: cluster.namespace, name: pod!.metadata.name };
    const future = '2037-01-01T00:00:00Z';
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: future }];
    objects.patch(place, { status: { conditions } }, 'status');
    await eventually(
      () => repository.get('web', unhurried()),
      (found) => found.update_time.startsWith('2037'),
    );
    objects.delete(place, { gracePeriodSeconds: 0 });
    await eventually(
      () => cachedObjects(connected, 'web')!.pods,
      (pods) => pods.every(({ uid }) => uid !== pod!.metadata.uid),
    );
    t.match((await repository.get('web', unhurried())).update_time, /^2037/);
  });

  await t.test('find what a watch has not told of yet', async (t) => {
    cluster.sandbox.faults.silenceWatches();
    objects.create(legacyDeployment('unseen', cluster.namespace));
    objects.create(legacyService('unseen', cluster.namespace));
    t.match(await repository.get('unseen', unhurried()), {
      id: 'unseen',
      service: { type: 'ClusterIP' },
      spec: { network: { ports: [{ container_port: 8080, visibility: 'internal' }] } },
    });
    cluster.sandbox.faults.resetWatches();
  });

  await t.test('go on when somebody sets the clock of the machine', async (t) => {
    const { now } = Date;
    requests.clear();
    for (const jumpMs of [3_600_000, -3_600_000]) {
      Date.now = () => now() + jumpMs;
      t.teardown(() => (Date.now = now));
      t.equal((await repository.get('web', unhurried())).id, 'web');
      t.equal((await repository.list({ pageSize: 1 }, unhurried())).containers.length, 1);
      t.equal(requests.count({ verb: ['get', 'list'] }), 0);
      await repository.create({ id: 'timeless', spec: containerSpec() }, unhurried());
      await repository.delete('timeless', unhurried());
    }
  });

  await t.test('refuse an unknown id while the cluster cannot be asked', async (t) => {
    using _fault = cluster.sandbox.faults.refuse({ code: 500 }, { verb: 'list' });
    await t.rejects(repository.get('absent', unhurried()), UnavailableError);
  });

  await t.test('end a page before the first container that does not fit, though it has one at least', async (t) => {
    const page = async (most: number) => {
      let asked = 0;
      return await repository.list({ pageSize: 10, fits: () => ++asked <= most }, unhurried());
    };
    const all = (await page(Infinity)).containers;
    t.ok(all.length >= 2);
    for (const most of [0, 1]) {
      const { containers, nextPageToken } = await page(most);
      t.same(containers, all.slice(0, 1));
      const next = await repository.list({ pageSize: 10, pageToken: nextPageToken! }, unhurried());
      t.same(next.containers, all.slice(1));
    }
  });

  await t.test('refuse a token that no page gave', async (t) => {
    await t.rejects(repository.list({ pageSize: 1, pageToken: 'x' }, unhurried()), InvalidArgumentError);
  });
});

t.test('a cache that is cut off answers within its bound, and not beyond it', async (t) => {
  await using cluster = await openSandbox({ controllers: false, bookmarkMilliseconds: 100 });
  await using connected = await connect(cluster, { bounds: { liveMs: 1500 } });
  const { repository, isHealthy } = connected;
  const { faults, requests } = cluster.sandbox;
  await repository.create({ id: 'web', spec: withPorts({ 80: 'internal' }) }, unhurried());
  const outage = faults.refuse({ code: 503 }, { verb: ['watch', 'list'] });
  faults.resetWatches();
  await eventually(() => outage.hits, Boolean);
  t.equal((await repository.get('web', unhurried())).id, 'web', 'within the bound');
  t.equal((await repository.list({ pageSize: 1 }, unhurried())).containers.length, 1);
  t.ok(await isHealthy());

  await eventually(
    () => isHealthy(),
    (healthy) => !healthy,
  );
  await t.rejects(repository.list({ pageSize: 1 }, unhurried()), UnavailableError, 'beyond it');
  await t.rejects(repository.get('web', unhurried()), UnavailableError);
  outage.remove();
  using _watches = faults.refuse({ code: 503 }, { verb: 'watch' });
  requests.clear();
  const { id, service } = await repository.get('web', unhurried());
  t.equal(id, 'web', 'asked of the cluster itself');
  t.ok(service);
  await t.rejects(repository.get('absent', unhurried()), NotFoundError);
  cluster.sandbox.objects.create(legacyDeployment('web', cluster.namespace));
  await t.rejects(repository.get('web', unhurried()), ConflictError);
  await t.rejects(repository.delete('web', unhurried()), ConflictError);
  faults.clear();
  await eventually(() => isHealthy(), Boolean);
  t.equal((await repository.list({ pageSize: 10 }, unhurried())).containers.length, 1);
});

t.test('the update time never goes back when memory is cut off, and when it is not any more', async (t) => {
  await using cluster = await openSandbox();
  await using connected = await connect(cluster, { bounds: { liveMs: 1_000, reflector: quickReflector } });
  const { repository } = connected;
  const { requests, objects, faults } = cluster.sandbox;
  const read = () => repository.get('web', unhurried());
  const setTransition = (lastTransitionTime: string) => {
    const [pod] = objects.list('pods', cluster.namespace);
    const place = { resource: 'pods', namespace: cluster.namespace, name: pod!.metadata.name };
    objects.patch(place, { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] } }, 'status');
  };
  await repository.create({ id: 'web', spec: containerSpec() }, unhurried());
  await eventually(read, ({ status }) => status === 'RUNNING');
  setTransition('2037-01-01T00:00:00Z');
  await eventually(read, ({ update_time }) => update_time.startsWith('2037'));

  faults.silenceWatches();
  await eventually(
    async () => {
      requests.clear();
      await read();
      return requests.count({ verb: 'list', resource: 'pods' });
    },
    (looks) => looks > 0,
  );
  setTransition('2036-01-01T00:00:00Z');
  t.match((await read()).update_time, /^2037/, 'what memory showed counts');
  setTransition('2038-01-01T00:00:00Z');
  t.match((await read()).update_time, /^2038/);
  setTransition('2036-01-01T00:00:00Z');
  faults.resetWatches();
  await eventually(
    async () => {
      requests.clear();
      t.match((await read()).update_time, /^2038/, 'and what the cluster showed');
      return requests.count({ verb: 'list', resource: 'pods' });
    },
    (looks) => looks === 0,
  );
});

t.test('before the caches are filled a list waits, within its deadline', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  cluster.sandbox.objects.create(legacyDeployment('a', cluster.namespace));
  const hang = cluster.sandbox.faults.hang({ verb: 'list', resource: 'pods' });
  const bounds = { reflector: { ...quickReflector, pageDeadlineMs: 100 } };
  await using connected = await connect(cluster, { start: false, bounds });
  const { repository } = connected;
  connected.start();
  const controller = new AbortController();
  const late = repository.list({ pageSize: 1 }, controller);
  const patient = repository.list({ pageSize: 1 }, unhurried());
  await eventually(() => hang.hits, Boolean);
  controller.abort(new RangeError('too late'));
  await t.rejects(late, RangeError);
  hang.remove();
  t.equal((await patient).containers.length, 1);
});

t.test('only containers of DCM are listed, those of the reference provider too', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const stranger = legacyDeployment('x', cluster.namespace);
  cluster.sandbox.objects.create({ ...stranger, metadata: { ...stranger.metadata, labels: { app: 'x' } } });
  cluster.sandbox.objects.create(legacyDeployment('legacy', cluster.namespace));
  await connected.repository.create({ id: 'ours', spec: containerSpec() }, unhurried());
  await eventually(
    () => [...connected.source.ids()].join(),
    (ids) => ids === 'legacy,ours',
  );
  t.same(await walk(connected, { pageSize: 1 }), { ids: ['legacy', 'ours'], pages: 2 });
});

t.test('a list of a cluster that was never reached does not wait for as long as the request may', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster, { start: false, bounds: { firstListMs: 20 } });
  const list = connected.repository.list({ pageSize: 1 }, unhurried());
  await t.rejects(list, new UnavailableError('The cluster has not been reached yet.', 5));
});

t.test('any walk gives each container that stays exactly once, in order, whatever comes and goes', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const { repository } = connected;
  const id = fc.stringMatching(/^[a-c][a-c0-9-]{0,2}[a-c]$/);
  const name = fc.constantFrom('web', 'db');
  const change = fc.record({ create: fc.boolean(), id, name });
  const plan = fc.record({
    staying: fc.uniqueArray(fc.record({ id, name }), { maxLength: 6, selector: (each) => each.id }),
    changes: fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 6 }),
    pageSize: fc.integer({ min: 1, max: 4 }),
    filter: fc.constantFrom(undefined, 'spec.metadata.name = web', 'NOT spec.metadata.name = web'),
  });
  const present = new Map<string, string>();
  const add = async (each: string, name: string) => {
    if (present.has(each)) return;
    await repository.create({ id: each, spec: containerSpec({ metadata: { name } }) }, unhurried());
    present.set(each, name);
  };
  const remove = async (each: string) => {
    if (present.delete(each)) await repository.delete(each, unhurried());
  };
  await fc.assert(
    fc.asyncProperty(plan, async ({ staying, changes, pageSize, filter }) => {
      for (const each of staying) await add(each.id, each.name);
      const changing = new Set(changes.flat().map((each) => each.id));
      for (const each of staying) changing.delete(each.id);
      const matches = (name: string) => filter === undefined || (name === 'web') !== filter.startsWith('NOT');
      const expected = [...present].filter(([each, name]) => !changing.has(each) && matches(name));
      const rounds = [...changes];
      const walked = filter === undefined ? { pageSize } : { pageSize, filter };
      const { ids } = await walk(connected, walked, async () => {
        for (const { create, id: each, name } of rounds.shift() ?? []) {
          if (create) await add(each, name);
          else if (changing.has(each)) await remove(each);
        }
      });
      t.same(ids, [...new Set(ids)].sort(), 'in order, and none twice');
      t.same(
        ids.filter((each) => !changing.has(each)),
        expected.map(([each]) => each).sort(),
        'all that stay and match, and no others that stay',
      );
    }),
    { numRuns: 100 },
  );
});

t.test('a filter that few of many match', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  for (const index of Array(2_600).keys()) {
    cluster.sandbox.objects.create(legacyDeployment(`c-${index}`, cluster.namespace));
  }
  await using connected = await connect(cluster);
  const { repository } = connected;
  await repository.create({ id: 'last', spec: containerSpec({ metadata: { name: 'rare' } }) }, unhurried());
  const last = parseFilter('spec.metadata.name = rare');

  await t.test('is found, with no token behind the last of them', async (t) => {
    const { containers, nextPageToken } = await repository.list({ pageSize: 1, filter: last }, unhurried());
    t.same(
      containers.map(({ id }) => id),
      ['last'],
    );
    t.equal(nextPageToken, undefined);
  });

  await t.test('lets others be served while it is looked for', async (t) => {
    const over = new AbortController();
    const list = repository.list({ pageSize: 1, filter: last }, unhurried()).finally(() => over.abort());
    let turns = 0;
    for (; !over.signal.aborted; turns++) await setImmediate();
    await list;
    t.ok(turns >= 5, `${turns} turns`);
  });

  await t.test('is not looked for any longer once nobody waits for it', async (t) => {
    const call = new AbortController();
    const list = repository.list({ pageSize: 1, filter: last }, { signal: call.signal });
    call.abort(new Error('the client has left'));
    await t.rejects(list, { message: 'the client has left' });
  });
});
