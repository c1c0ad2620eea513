/** Logs of containers on a real node: what its kubelet answers, how much it is asked for, and what becomes of who follows. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as send } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { startControlPlane } from '../../scripts/cluster/control-plane.ts';
import { conformingFetch } from '../../scripts/contract/conformance.ts';
import { checkLogs } from '../conformance/logs.ts';
import { createContainer } from '../support/containers.ts';
import { eventually, openKubeconfig } from '../support/kubernetes.ts';
import { startSystem } from '../support/system.ts';
import { describeContainer } from './cases.ts';
import { withoutNode } from './node-system.ts';
import { findProcesses } from './processes.ts';
import { takeTurn } from './turn.ts';

/** How long the one that writes much is followed, in milliseconds. */
const followMs = Number(process.env['SP_TEST_FOLLOW_SECONDS'] ?? 30) * 1_000;

if (withoutNode === false) await takeTurn(t);

t.test('logs on a real node', { skip: withoutNode }, async (t) => {
  await using controlPlane = await startControlPlane({ own: true, realNode: true });
  const node = controlPlane.realNode;
  const registry = node.registry.host;

  await t.test('are what the sandbox gives too', async (t) => {
    for (const name of ['echo', 'crash', 'done']) await node.registry.push(name, '1', {});
    await using cluster = await openKubeconfig(controlPlane.kubeconfig);
    await checkLogs(t, { cluster, image: (name) => `${registry}/${name}:1` });
  });

  await using system = await startSystem({
    on: { controlPlane },
    env: { SP_LOGS: 'true', SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort', SP_SERVER_WRITE_TIMEOUT: '1s' },
  });
  const { provider, client, events, workloads } = system;
  const urlOf = (id: string, query = '') => `${provider.url}/api/v1alpha1/containers/${id}:logs${query}`;
  const read = async (id: string, query = ''): Promise<string> => (await conformingFetch(urlOf(id, query))).text();
  const follow = async (id: string, query = ''): Promise<IncomingMessage> => {
    const request = send(urlOf(id, `?follow=true${query}`)).end();
    return ((await once(request, 'response')) as [IncomingMessage])[0];
  };
  const create = (id: string, shell: string) => createContainer(client, id, describeContainer({ registry }, { shell }));
  const stays = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';

  await t.test('follow a container that writes 10,000 lines a second, in memory that does not grow', async (t) => {
    const line = 'x'.repeat(90);
    const thousand = 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo "$i LINE"; done'.replace('LINE', line);
    await create('writes', `while :; do ${thousand}; done`);
    await events.waitFor('writes', 'RUNNING');
    const memory = async (): Promise<number> => {
      const status = await readFile(`/proc/${provider.process.child.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024;
    };
    const log = await follow('writes', '&tail_lines=0');
    let lines = 0;
    log.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) lines++;
    });
    const samples: number[] = [];
    const startedAt = performance.now();
    while (performance.now() - startedAt < followMs) {
      await delay(500);
      samples.push(await memory());
    }
    const rate = (1_000 * lines) / (performance.now() - startedAt);
    const third = Math.floor(samples.length / 3);
    const [early, late] = [Math.max(...samples.slice(0, third)), Math.max(...samples.slice(-third))];
    t.comment(`${Math.round(rate)} lines/s; at most ${early.toFixed(1)} MiB early, ${late.toFixed(1)} MiB late`);
    t.ok(rate > 3_000, `${rate} lines a second`);
    t.ok(late < early + 20, `${late} MiB after ${early} MiB`);

    await t.test('nor where the client does not read', async (t) => {
      log.pause();
      const before = await memory();
      const paused: number[] = [];
      while (paused.length < 20) {
        await delay(500);
        paused.push(await memory());
      }
      t.comment(`at most ${Math.max(...paused).toFixed(1)} MiB, ${before.toFixed(1)} MiB before`);
      t.ok(Math.max(...paused) < before + 20);
      const had = lines;
      log.resume();
      await eventually(
        () => lines,
        (now) => now > had + 1_000,
      );
    });
    log.destroy();
    await client.DELETE('/containers/{container_id}', { params: { path: { container_id: 'writes' } } });
  });

  await t.test('are those of the run before a crash too', async (t) => {
    const words = 'sleep 86414';
    await create('crashes', `echo a run; exec ${words}`);
    await events.waitFor('crashes', 'RUNNING');
    const [processId] = await eventually(
      () => findProcesses(words),
      ({ length }) => length === 1,
    );
    process.kill(processId!, 'SIGKILL');
    await eventually(
      () => workloads.one('pods', 'crashes'),
      ({ status }) => status.containerStatuses?.[0]?.restartCount === 1,
    );
    t.equal(await read('crashes', '?previous=true'), 'a run\n');
  });

  await t.test('are told to be gone where the kubelet has removed them', async (t) => {
    await create('loops', 'echo a run; exit 3');
    await events.waitFor('loops', 'FAILED');
    const answer = await conformingFetch(urlOf('loops', '?previous=true'));
    const detail = answer.status === 200 ? await answer.text() : ((await answer.json()) as { detail: string }).detail;
    t.comment(`${answer.status}: ${detail}`);
    t.match(detail, /^(a run\n|The log cannot be had: unable to retrieve container logs for containerd:\/\/….)$/);
    t.equal(await read('loops'), 'a run\n');
  });

  await t.test('are empty of a container that cannot start', async (t) => {
    await createContainer(client, 'absent', describeContainer({ registry }, { image: `${registry}/absent:1` }));
    await eventually(
      () => workloads.of('pods', 'absent'),
      (pods) => pods[0]?.status.containerStatuses?.[0]?.state.waiting !== undefined,
    );
    t.equal(await read('absent'), '');
    t.equal(await read('absent', '?follow=true'), '');
  });

  await t.test('end when the Pod is replaced while they are followed', async (t) => {
    await create('moves', `echo here; ${stays}`);
    await events.waitFor('moves', 'RUNNING');
    await eventually(
      () => read('moves'),
      (text) => text === 'here\n',
    );
    const log = await follow('moves');
    const first = once(log, 'data');
    t.equal(String((await first)[0]), 'here\n');
    const { metadata } = await workloads.one('pods', 'moves');
    await workloads.delete('pods', metadata.name);
    t.same(await log.toArray(), []);
    t.ok(log.complete);
    await eventually(
      () => read('moves'),
      (text) => text === 'here\n',
    );
  });

  await t.test('are told to be out of reach while the kubelet is gone', async (t) => {
    const log = await follow('moves');
    await once(log, 'data');
    const rest = log.toArray().then(
      () => 'ended',
      () => 'cut',
    );
    await node.components.kubelet.kill();
    const answer = await conformingFetch(urlOf('moves'));
    t.equal(answer.status, 503);
    const { detail } = (await answer.json()) as { detail: string };
    t.match(detail, /^The log cannot be had: .*(refused|reset by peer)\.$/);
    t.comment(`${detail} What was followed is ${await rest}.`);
    await node.components.kubelet.start();
    await eventually(
      () => read('moves'),
      (text) => text === 'here\n',
    );
  });
});
