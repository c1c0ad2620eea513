import t from 'tap';
import { containerSpec, withImage } from '../support/base-spec.ts';
import { createContainer, deleteContainer, listIds, listPage, readContainer } from '../support/containers.ts';
import type { Container } from '../support/containers.ts';
import { startSystem } from '../support/system.ts';

t.test('reading and listing', async (t) => {
  await using system = await startSystem();
  const { client, cluster, events, workloads } = system;

  await t.test('gives back a spec exactly as it was sent, unknown fields included', async (t) => {
    const spec = containerSpec({
      metadata: { name: 'web', labels: { tier: 'front', empty: '' }, owner: { team: ['a', null, 1.5] } },
      image: { reference: 'registry.example/web:1', pull_secret: null },
      resources: {
        cpu: { min: 1, max: 2, shares: 1024 },
        memory: { min: '1024MB', max: '1GB', swap: '' },
        gpu: { count: 0 },
      },
      process: {
        command: ['/bin/sh', '-c', 'echo "$HOME"'],
        args: [],
        env: [
          { name: 'B', value: 'first' },
          { name: 'A', value: '', comment: 'kept' },
          { name: 'UNICODE', value: 'ü€😀' },
        ],
        user: 0,
      },
      network: {
        ports: [
          { container_port: 8443, visibility: 'none', app_protocol: 'quic' },
          { container_port: 80, visibility: 'none' },
        ],
        mesh: true,
      },
      provider_hints: { kubernetes: { priority: 'low' }, '': [[], {}] },
      'x/y~z': { __nested: 'value' },
    });
    await createContainer(client, 'lossless', spec);
    const expected = { ...spec, metadata: { ...spec.metadata, namespace: cluster.namespace } };
    t.same(withoutIp(await readContainer(client, 'lossless')), expected);
    const { containers } = await listPage(client, 1000);
    t.same(withoutIp(containers.find(({ id }) => id === 'lossless')!), expected);
  });

  await t.test(
    'gives back numbers of unknown fields as they were written, in reads, lists and the answer',
    async (t) => {
      const exact = '[12345678901234567890,1.0,1e400,-0,0.10,{"y":1E-7}]';
      const body = JSON.stringify({ spec: containerSpec({ 'x-numbers': JSON.rawJSON('0') }) });
      const collection = `${system.provider.url}/api/v1alpha1/containers`;
      const created = await fetch(`${collection}?id=numbers`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: body.replace('"x-numbers":0', `"x-numbers":${exact}`),
      });
      t.equal(created.status, 201);
      for (const answer of [
        created,
        await fetch(`${collection}/numbers`),
        await fetch(`${collection}?max_page_size=1000`),
      ]) {
        t.match(await answer.text(), `"x-numbers":${exact}`);
      }
    },
  );

  await t.test('shows the address of the Pod once it runs, and a later update_time', async (t) => {
    const created = await createContainer(client, 'addressed');
    await events.waitFor('addressed', 'RUNNING');
    const pod = await workloads.runningPod('addressed');
    const read = await readContainer(client, 'addressed');
    t.equal(read.status, 'RUNNING');
    t.equal(read.spec.network?.ip, pod.status.podIP);
    t.equal(read.create_time, created.create_time);
    t.ok(Date.parse(read.update_time) >= Date.parse(created.update_time));
  });

  await t.test('lists by id in the order of code points, each as full as a read gives it', async (t) => {
    for (const id of ['b', 'a-1', 'a', '0', 'a1']) await createContainer(client, `order-${id}`, withImage('x/slow'));
    const { containers } = await listPage(client, 1000);
    const ids = containers.map(({ id }) => id);
    t.same(ids, [...ids].sort());
    t.same(
      ids.filter((id) => id.startsWith('order-')),
      ['order-0', 'order-a', 'order-a-1', 'order-a1', 'order-b'],
    );
    t.same(
      containers.find(({ id }) => id === 'addressed'),
      await readContainer(client, 'addressed'),
    );
  });

  await t.test('walks pages that give each surviving container once, whatever comes and goes meanwhile', async (t) => {
    const stable = Array.from({ length: 20 }, (_, index) => `page-${String(index).padStart(2, '0')}`);
    await Promise.all(stable.map((id) => createContainer(client, id)));
    await Promise.all(['page-04x', 'page-11x'].map((id) => createContainer(client, id)));
    const seen: string[] = [];
    let token: string | undefined;
    let page = 0;
    do {
      const answer = await listPage(client, 3, token);
      t.ok(answer.containers.length <= 3);
      seen.push(...answer.containers.map(({ id }) => id));
      token = answer.next_page_token;
      page += 1;
      await createContainer(client, `page-${String((page * 7) % 20).padStart(2, '0')}-new`);
      if (page === 1) await Promise.all(['page-04x', 'page-11x'].map((id) => deleteContainer(client, id)));
    } while (token !== undefined);
    t.equal(new Set(seen).size, seen.length, 'no container twice');
    t.same(
      seen.filter((id) => stable.includes(id)),
      stable,
    );
    t.notOk(seen.includes('page-11x'));
  });

  await t.test('finds what a filter matches, page by page and on another replica', async (t) => {
    const spec = (name: string) => containerSpec({ metadata: { name, labels: { tier: 'found' } } });
    const names: Record<string, string> = {
      'filter-a': 'one',
      'filter-b': 'two',
      'filter-c': 'one',
      'filter-d': 'one',
    };
    await Promise.all(Object.entries(names).map(([id, name]) => createContainer(client, id, spec(name))));
    const filter = 'spec.metadata.labels:tier AND spec.metadata.name = one AND spec.metadata.labels.tier = found';
    const other = await system.addProvider();
    const list = async (from: typeof client, query: { max_page_size: number; filter: string; page_token?: string }) =>
      (await from.GET('/containers', { params: { query } })).data!;
    const first = await list(client, { max_page_size: 2, filter });
    t.same(
      first.containers.map(({ id }) => id),
      ['filter-a', 'filter-c'],
    );
    const rest = await list(other.client, { max_page_size: 2, filter, page_token: first.next_page_token! });
    t.same(
      rest.containers.map(({ id }) => id),
      ['filter-d'],
    );
    t.equal(rest.next_page_token, undefined);
    await events.waitFor('filter-b', 'RUNNING');
    const running = await list(client, { max_page_size: 2, filter: 'spec.metadata.name = two AND status = RUNNING' });
    t.same(running.containers, [await readContainer(client, 'filter-b')]);
  });

  await t.test('takes a page token on another replica', async (t) => {
    const all = await listIds(client);
    const first = await listPage(client, 5);
    const other = await system.addProvider();
    const rest = await listPage(other.client, 1000, first.next_page_token);
    t.same(
      [...first.containers, ...rest.containers].map(({ id }) => id),
      all,
    );
  });

  await t.test('answers 400 to a page token that does not parse', async (t) => {
    const { response, error } = await client.GET('/containers', { params: { query: { page_token: '%%%' } } });
    t.equal(response.status, 400);
    t.match(error, { type: 'INVALID_ARGUMENT', errors: [{ parameter: 'page_token' }] });
  });

  await t.test('lists and reads only what bears the labels of DCM', async (t) => {
    const labels = { 'dcm.project/managed-by': 'dcm', 'dcm.project/dcm-service-type': 'container' };
    const id = 'dcm.project/dcm-instance-id';
    const strangers: Record<string, Record<string, string>> = {
      'without-labels': {},
      'without-id': labels,
      'of-another-type': { ...labels, 'dcm.project/dcm-service-type': 'vm', [id]: 'of-another-type' },
      'of-another-manager': { ...labels, 'dcm.project/managed-by': 'helm', [id]: 'of-another-manager' },
    };
    const before = await listIds(client);
    for (const [name, own] of Object.entries(strangers)) {
      await workloads.create('deployments', deployment(name, own));
    }
    await createContainer(client, 'after-strangers');
    t.same(await listIds(client), [...before, 'after-strangers'].sort());
    for (const name of Object.keys(strangers)) {
      await t.rejects(readContainer(client, name), { message: /"status":404/ }, name);
    }
  });
});

/** The spec without the address of the Pod, which is there once the Pod has one. */
function withoutIp({ spec }: Container): object {
  const { ip: _ip, ...network } = spec.network!;
  return { ...spec, network };
}

function deployment(name: string, labels: Record<string, string>): object {
  const template = {
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: 'web', image: 'registry.example/web:1' }] },
  };
  return { metadata: { name, labels }, spec: { selector: { matchLabels: { app: name } }, template } };
}
