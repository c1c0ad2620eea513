/** `:logs` of a provider in a process of its own: who follows, for how long, and what is never written down. */
import { once } from 'node:events';
import { request as send } from 'node:http';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { maxFollowing } from '../../src/kubernetes/container-logs.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { containerSpec } from '../support/base-spec.ts';
import { createContainer, deleteContainer } from '../support/containers.ts';
import { eventually } from '../support/kubernetes.ts';
import type { ProviderProcess } from '../support/provider.ts';
import { onlyInSandbox, startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

const secret = 'what nobody else is to read';

async function startSaying(env: Record<string, string> = {}): Promise<System> {
  const system = await startSystem({ on: 'sandbox', env: { SP_LOGS: 'true', ...env } });
  const process = { command: ['sh', '-c', `echo ${secret}; sleep 86400`] };
  await createContainer(system.client, 'web', containerSpec({ process }));
  await system.events.waitFor('web', 'RUNNING');
  return system;
}

const pathOf = (id: string, query = '') => `/api/v1alpha1/containers/${id}:logs${query}`;

/** The answer once its head is there. */
async function follow({ url }: ProviderProcess): Promise<IncomingMessage> {
  const request = send(`${url}${pathOf('web', '?follow=true')}`).end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

/** How many logs the API server is sending. */
const sending = ({ cluster }: System) => cluster.sandbox!.faults.openWatches('pods/log');

async function write({ cluster, workloads }: System, ...lines: string[]): Promise<void> {
  const { metadata } = await workloads.one('pods', 'web');
  cluster.sandbox!.logs.write({ namespace: cluster.namespace, name: metadata.name }, lines);
}

t.test('a log over HTTP', onlyInSandbox('what is played is written'), async (t) => {
  await using system = await startSaying({
    SP_SERVER_REQUEST_TIMEOUT: '1s',
    SP_SERVER_WRITE_TIMEOUT: '500ms',
    SP_MANAGEMENT_ADDRESS: '127.0.0.1:0',
  });
  const { provider, client } = system;
  const get = (query: string, init?: RequestInit) => conformingFetch(`${provider.url}${pathOf('web', query)}`, init);

  await t.test('is text, which no browser takes for anything else', async (t) => {
    const answer = await get('');
    t.equal(answer.status, 200);
    t.equal(answer.headers.get('content-type'), 'text/plain');
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    t.equal(await answer.text(), `${secret}\n`);
  });

  await t.test('comes as a stream from the client', async (t) => {
    const path = { container_id: 'web' };
    const { data } = await client.GET('/containers/{container_id}:logs', { params: { path }, parseAs: 'stream' });
    t.equal(await new Response(data).text(), `${secret}\n`);
    const { data: whole } = await client.GET('/containers/{container_id}:logs', { params: { path }, parseAs: 'text' });
    t.equal(whole, `${secret}\n`);
  });

  await t.test('has no body for HEAD, followed or not', async (t) => {
    for (const query of ['', '?follow=true']) {
      const answer = await get(query, { method: 'HEAD' });
      t.match([answer.status, await answer.text()], [200, '']);
    }
    await eventually(
      () => sending(system),
      (logs) => logs === 0,
    );
  });

  await t.test('says what is wrong with its parameters', async (t) => {
    const answer = await get('?tail_lines=10001&since=0s&follow=yes');
    t.equal(answer.status, 400);
    t.match(await answer.json(), {
      errors: [
        { parameter: 'tail_lines', detail: 'must be <= 10000' },
        { parameter: 'follow' },
        { parameter: 'since', detail: 'must be a duration above 0 such as 500ms, 20s or 1m30s' },
      ],
    });
    for (const query of ['?tail_lines=-1', '?tail_lines=x', '?since=1', '?since=', '?since=1s&since=2s']) {
      t.equal((await get(query)).status, 400, query);
    }
  });

  await t.test('that is followed outlasts the time limits, its head sent before the first line', async (t) => {
    await write(system, 'second');
    const answer = await follow(provider);
    answer.setEncoding('utf8');
    let text = '';
    answer.on('data', (piece: string) => (text += piece));
    const until = performance.now() + 2_500;
    await eventually(
      () => performance.now(),
      (now) => now > until,
    );
    await write(system, 'third');
    await eventually(
      () => text,
      (all) => all === `${secret}\nsecond\nthird\n`,
    );
    answer.destroy();
    await eventually(
      () => sending(system),
      (logs) => logs === 0,
    );
    const line = await provider.logged(({ msg }) => msg === 'request aborted');
    t.match(line, { path: pathOf('web'), containerId: 'web' });
    t.ok(Number(line['durationMs']) > 2_500, 'the log tells how long it was');
    const { managementAddress } = await provider.logged((each) => 'managementAddress' in each);
    const metrics = await (await fetch(`http://${String(managementAddress)}/metrics`)).text();
    const labels = 'le="1",method="GET",route="/api/v1alpha1/containers/{container_id}:logs"';
    t.match(
      metrics,
      new RegExp(`^http_request_duration_seconds_bucket\\{${labels.replace(/[{}]/g, '\\$&')}.*\\} [1-9]`, 'm'),
    );
    t.notMatch(
      metrics,
      new RegExp(`^http_request_duration_seconds_sum\\{.*:logs.*\\} ([3-9]|2\\.[5-9])`, 'm'),
      'and how long it was in coming is measured',
    );
  });

  await t.test('is followed by so many, and further ones are to come back', async (t) => {
    const following = await Promise.all(Array.from({ length: maxFollowing }, () => follow(provider)));
    const answer = await get('?follow=true');
    t.match([answer.status, answer.headers.get('retry-after')], [503, '5']);
    t.equal((await get('')).status, 200, 'who does not follow is served');
    for (const each of following) each.destroy();
    await eventually(
      () => sending(system),
      (logs) => logs === 0,
    );
    t.equal((await get('?tail_lines=0')).status, 200);
    (await follow(provider)).destroy();
  });

  await t.test('is cut, not ended, where the API server breaks off', async (t) => {
    const answer = await follow(provider);
    await eventually(
      () => sending(system),
      (logs) => logs === 1,
    );
    system.cluster.sandbox!.faults.resetWatches('pods/log');
    await t.rejects(answer.toArray());
  });

  await t.test('ends with the container', async (t) => {
    const answer = await follow(provider);
    await deleteContainer(client, 'web');
    const chunks = (await answer.toArray()) as Buffer[];
    t.equal(Buffer.concat(chunks).toString(), `${secret}\nsecond\nthird\n`);
    t.equal((await get('')).status, 404);
  });

  t.notMatch(JSON.stringify(provider.log), secret);
});

t.test('who follows is answered to the end when the provider is told to stop', async (t) => {
  await using system = await startSaying();
  const { provider } = system;
  const answer = await follow(provider);
  const first = once(answer, 'data');
  t.equal(String((await first)[0]), `${secret}\n`);
  const stoppedAt = performance.now();
  const stopped = provider.stop();
  t.same(await answer.toArray(), []);
  t.ok(answer.complete, 'and not cut off');
  t.equal(await stopped, 0);
  t.ok(performance.now() - stoppedAt < 5_000, 'long before the time for it is up');
});

t.test('logs are not served unless they are turned on', async (t) => {
  await using system = await startSystem({ on: 'sandbox' });
  const { provider, client } = system;
  await createContainer(client, 'web');
  const answer = await conformingFetch(`${provider.url}${pathOf('web')}`);
  t.equal(answer.status, 404);
  t.match(await answer.json(), { detail: 'This provider does not serve logs: SP_LOGS is not true.' });
  t.equal(system.cluster.sandbox!.requests.count({ resource: 'pods/log' }), 0);
});
