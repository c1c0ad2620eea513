/** Logs of containers from the sandbox's kubelet: what they have, how they end, and what they cost. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';

import { ConflictError, InternalError, NotFoundError, UnavailableError } from '../../src/containers/errors.ts';
import type { ContainerLogs, LogRequest } from '../../src/containers/repository.ts';
import type { ContainerSpec } from '../../src/containers/container.ts';
import { maxFollowing, maxOpen } from '../../src/kubernetes/container-logs.ts';
import { images, withImage } from '../support/base-spec.ts';
import { quickTimes } from '../../scripts/sandbox/kubernetes/controllers/times.ts';
import { connect, failureOf, openSandbox, unhurried } from '../support/cluster.ts';
import type { ConnectedCluster, ConnectOptions, SandboxCluster } from '../support/cluster.ts';
import { eventually } from '../support/kubernetes.ts';
import { legacyDeployment } from '../support/legacy.ts';

interface Stage extends AsyncDisposable {
  cluster: SandboxCluster;
  connected: ConnectedCluster;
  logs: ContainerLogs;
  read(id: string, request?: Partial<LogRequest>, signal?: AbortSignal): Promise<Readable>;
  create(id: string, spec: ContainerSpec, status?: string): Promise<void>;
  /** Has the container write lines. */
  write(id: string, lines: readonly string[]): void;
  podOf(id: string): { resource: string; namespace: string; name: string };
  /** How many logs the API server is sending. */
  sending(): number;
}

const times = { ...quickTimes, slowPodStart: 60_000 };

async function setUp(options: ConnectOptions & { bookmarkMilliseconds?: number } = {}): Promise<Stage> {
  const { bookmarkMilliseconds, ...connecting } = options;
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(
    await openSandbox({ controllers: times, ...(bookmarkMilliseconds !== undefined && { bookmarkMilliseconds }) }),
  );
  const connected = stack.use(await connect(cluster, { logs: true, ...connecting }));
  const { repository, logs } = connected;
  const { sandbox, namespace } = cluster;
  const podOf = (id: string) => {
    const pods = sandbox.objects.list('pods', namespace);
    const pod = pods.find(({ metadata }) => metadata.labels?.['dcm.project/dcm-instance-id'] === id);
    return { resource: 'pods', namespace, name: pod?.metadata.name ?? '' };
  };
  const parts = stack.move();
  return {
    cluster,
    connected,
    logs: logs!,
    read: (id, request = {}, signal = unhurried().signal) =>
      logs!.read(id, { tailLines: 1000, previous: false, timestamps: false, follow: false, ...request }, { signal }),
    async create(id, spec, status = 'RUNNING') {
      await repository.create({ id, spec }, unhurried());
      await eventually(
        () => repository.get(id, unhurried()),
        (container) => container.status === status,
      );
    },
    write: (id, lines) => sandbox.logs.write(podOf(id), lines),
    podOf,
    sending: () => sandbox.faults.openWatches('pods/log'),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** A container that says what it is told to, and nothing of its own. */
function saying(line: string, image: string = images.runs): ContainerSpec {
  return { ...withImage(image), process: { command: ['sh', '-c', `echo ${line}; sleep 86400`] } };
}

/** The next piece of a stream. */
async function piece(stream: Readable): Promise<string> {
  for (;;) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) return chunk.toString();
    await once(stream, 'readable');
  }
}

t.test('a log', async (t) => {
  await using stage = await setUp();
  const { read, create, write } = stage;
  await create('web', saying('one'));
  write('web', ['two', 'three ü', '']);

  await t.test('is what the container wrote', async (t) => {
    t.equal(await text(await read('web')), 'one\ntwo\nthree ü\n\n');
  });

  await t.test('has as many of the last lines as are asked for', async (t) => {
    t.equal(await text(await read('web', { tailLines: 2 })), 'three ü\n\n');
    t.equal(await text(await read('web', { tailLines: 0 })), '');
  });

  await t.test('has lines of lately where that is asked for, in whole seconds that are rounded up', async (t) => {
    await eventually(
      async () => text(await read('web', { sinceMs: 1_001 })),
      (lines) => lines === '',
    );
    write('web', ['late']);
    t.equal(await text(await read('web', { sinceMs: 59_001 })), 'one\ntwo\nthree ü\n\nlate\n');
    t.match(stage.cluster.sandbox.requests.last({ resource: 'pods/log' }).at(-1)?.query, /[?&]sinceSeconds=60(&|$)/);
  });

  await t.test('has all lines where they may be older than kubelets can count', async (t) => {
    t.match(await text(await read('web', { sinceMs: 1e40 })), /late\n$/);
    t.match(
      stage.cluster.sandbox.requests.last({ resource: 'pods/log' }).at(-1)?.query,
      /[?&]sinceSeconds=3153600000(&|$)/,
    );
  });

  await t.test('has times where they are asked for', async (t) => {
    t.match(await text(await read('web', { timestamps: true, tailLines: 1 })), /^20\d\d-\d\d-\d\dT\S+Z late\n$/);
  });

  await t.test('is empty before the container has started, followed or not', async (t) => {
    await create('absent', saying('never', images.missing), 'PENDING');
    await create('slow', saying('never', images.slow), 'PENDING');
    for (const follow of [false, true]) {
      t.equal(await text(await read('absent', { follow })), '');
      t.equal(await text(await read('slow', { follow })), '');
      t.equal(await text(await read('web', { follow, previous: true })), '', 'before there was a run before');
    }
  });

  await t.test('is empty where there is no Pod', async () => {
    await create('none', saying('never'));
    const { namespace } = stage.cluster;
    const { name } = stage.cluster.sandbox.objects
      .list('deployments', namespace)
      .find(({ metadata }) => metadata.name === 'dcm-none')!.metadata;
    stage.cluster.sandbox.objects.patch({ resource: 'deployments', namespace, name }, { spec: { replicas: 0 } });
    await eventually(
      () => stage.podOf('none').name,
      (pod) => pod === '',
    );
    await eventually(
      async () => text(await read('none')),
      (log) => log === '',
    );
  });

  await t.test('is of the run before where that is asked for', async (t) => {
    await create('crashes', saying('a run', images.crashes), 'FAILED');
    t.equal(await text(await read('crashes', { previous: true })), 'a run\n');
    t.equal(await text(await read('crashes')), 'a run\n');
  });

  await t.test('is of our own container, whatever else is in the Pod', async (t) => {
    const { sandbox, namespace } = stage.cluster;
    const deployment = legacyDeployment('theirs', namespace) as {
      spec: { template: { spec: { containers: object[] } } };
    } & Parameters<typeof sandbox.objects.create>[0];
    deployment.spec.template.spec.containers.push({ name: 'sidecar', image: images.runs });
    sandbox.objects.create(deployment);
    const [own] = deployment.spec.template.spec.containers as { name: string }[];
    await eventually(
      async () => text(await read('theirs')),
      (log) => log !== '',
    );
    t.match(
      sandbox.requests.last({ resource: 'pods/log' }).at(-1)?.query,
      new RegExp(`[?&]container=${own!.name}(&|$)`),
    );
  });

  await t.test('of ids that memory does not know takes one look at the cluster at a time', async (t) => {
    const { requests, faults } = stage.cluster.sandbox;
    requests.clear();
    using _late = faults.delay(200, { verb: 'list' });
    const reads = Array.from({ length: 10 }, (_, index) => failureOf(read(`nobody-${index}`)));
    for (const error of await Promise.all(reads)) t.match(error, NotFoundError);
    t.ok(requests.count({ verb: 'list' }) <= 2);
  });

  await t.test('is not there without a container, nor while two carry the id', async (t) => {
    await t.rejects(read('nobody'), NotFoundError);
    const { sandbox, namespace } = stage.cluster;
    sandbox.objects.create(legacyDeployment('twice', namespace));
    const other = legacyDeployment('twice', namespace) as unknown as { metadata: { name: string } };
    other.metadata.name = 'another';
    sandbox.objects.create(other as never);
    await t.rejects(read('twice'), ConflictError);
  });

  t.equal(stage.sending(), 0);
});

t.test('a log that is followed', async (t) => {
  await using stage = await setUp();
  const { cluster, connected, logs, read, create, write, podOf, sending } = stage;
  const { objects, faults } = cluster.sandbox;
  await create('web', saying('one'));

  await t.test('goes on with what is written', async (t) => {
    const left = new AbortController();
    const log = await read('web', { follow: true }, left.signal);
    t.equal(await piece(log), 'one\n');
    write('web', ['two']);
    t.equal(await piece(log), 'two\n');
    left.abort();
    await eventually(sending, (logs) => logs === 0);
  });

  await t.test('ends at the API server when nobody reads it any more', async () => {
    const log = await read('web', { follow: true });
    await eventually(sending, (logs) => logs === 1);
    log.destroy();
    await eventually(sending, (logs) => logs === 0);
  });

  await t.test('ends with the container', async (t) => {
    await create('ends', saying('one'));
    const log = text(await read('ends', { follow: true }));
    write('ends', ['last']);
    objects.patch(
      podOf('ends'),
      {
        status: {
          containerStatuses: [
            {
              ...(objects.get(podOf('ends'))!['status'] as { containerStatuses: object[] }).containerStatuses[0],
              restartCount: 1,
            },
          ],
        },
      },
      'status',
    );
    t.equal(await log, 'one\nlast\n');
  });

  await t.test('ends when another Pod takes its place, though the old one is still there', async (t) => {
    await create('moves', saying('one', images.stubborn));
    const log = text(await read('moves', { follow: true }));
    const pod = podOf('moves');
    objects.delete(pod, { gracePeriodSeconds: 3_600 });
    t.equal(await log, 'one\n');
    t.ok(objects.get(pod));
  });

  await t.test('ends with the container resource', async (t) => {
    await create('goes', saying('one', images.stubborn));
    const log = text(await read('goes', { follow: true }));
    await connected.repository.delete('goes', unhurried());
    t.equal(await log, 'one\n');
  });

  await t.test('ends when it is told to, having had all that there was', async (t) => {
    const [first, second] = await Promise.all([read('web', { follow: true }), read('web', { follow: true })]);
    await eventually(sending, (logs) => logs === 2);
    t.equal(await piece(first), 'one\ntwo\n');
    logs.release();
    t.same(await Promise.all([text(first), text(second)]), ['', 'one\ntwo\n']);
    await eventually(sending, (logs) => logs === 0);
  });

  await t.test('ends when it is told to before it has begun', async (t) => {
    using late = faults.hang({ resource: 'pods/log' });
    const opening = read('web', { follow: true });
    await eventually(() => late.hits, Boolean);
    logs.release();
    t.equal(await text(await opening), '');
  });

  await t.test('begins without a line where none comes', async (t) => {
    using late = faults.hang({ resource: 'pods/log' });
    const left = new AbortController();
    const log = await read('web', { follow: true }, left.signal);
    t.equal(late.hits, 1);
    left.abort();
    t.equal(await text(log), '');
  });

  await t.test('is broken off where the API server breaks off', async (t) => {
    const log = await read('web', { follow: true });
    await eventually(sending, (logs) => logs === 1);
    faults.resetWatches('pods/log');
    await t.rejects(text(log));
    await eventually(sending, (logs) => logs === 0);
  });
});

t.test('a log that is quiet is followed as long as the cluster is heard of, and not longer', async (t) => {
  await using stage = await setUp({ bounds: { liveMs: 1_500 }, bookmarkMilliseconds: 100 });
  const { faults } = stage.cluster.sandbox;
  await stage.create('web', saying('one'));
  const log = await stage.read('web', { follow: true, tailLines: 0 });
  const broken = failureOf(text(log));
  const cutOffAt = performance.now() + 3_000;
  await eventually(
    () => performance.now(),
    (now) => now >= cutOffAt,
  );
  t.equal(stage.sending(), 1, 'watches have been heard of all the time');
  faults.silenceWatches('pods/log');
  using _outage = faults.refuse({ code: 503 }, { verb: ['watch', 'list'] });
  for (const kind of ['deployments', 'pods', 'services']) faults.resetWatches(kind);
  t.match((await broken).message, /not been heard of/);
  t.match(await failureOf(stage.read('web', { follow: true })), UnavailableError);
  await eventually(stage.sending, (logs) => logs === 0);
});

t.test('only so many logs are read at once', async (t) => {
  await using stage = await setUp();
  const { read, create } = stage;
  await create('web', saying('one'));
  const following = await Promise.all(Array.from({ length: maxFollowing }, () => read('web', { follow: true })));
  const tooMany = await failureOf(read('web', { follow: true }));
  t.match(tooMany, UnavailableError);
  t.match(tooMany, { message: 'Too many logs are being followed already.', retryAfterSeconds: 5 });
  const slow = Array.from({ length: maxOpen - maxFollowing }, () => read('web'));
  const reading = await Promise.all(slow);
  t.match(await failureOf(read('web')), { message: 'Too many logs are being read already.' });

  await t.test('and writes, reads and watches do not wait for them', async (t) => {
    await create('beside', saying('one'));
    t.equal((await stage.connected.repository.get('beside', unhurried())).status, 'RUNNING');
  });

  for (const log of reading) t.equal(await text(log), 'one\n');
  t.equal(await text(await read('web')), 'one\n', 'one that was read to its end makes room');
  following[0]!.destroy();
  await once(following[0]!, 'close');
  const another = await read('web', { follow: true });
  t.equal(await piece(another), 'one\n', 'and so does one that was left');
});

t.test('a reader that is slow makes the API server wait', async (t) => {
  await using stage = await setUp();
  const { sandbox } = stage.cluster;
  await stage.create('web', saying('one'));
  const line = 'x'.repeat(1_000);
  const lines = Array.from({ length: 100_000 }, () => line);
  stage.write('web', lines);
  const log = await stage.read('web', { tailLines: 100_000, follow: true });
  await piece(log);
  let sent = -1;
  // Nothing moves any more once all buffers between here and there are full.
  await eventually(async () => {
    const before = sent;
    sent = sandbox.logs.sentBytes;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return before === sent;
  }, Boolean);
  t.ok(sent < 20_000_000, `${sent} of 100,000,000 bytes were sent`);
  let read = 0;
  for await (const chunk of log as AsyncIterable<Buffer>) {
    read += chunk.length;
    if (read > 90_000_000) break;
  }
  t.ok(sandbox.logs.sentBytes > 90_000_000);
});

t.test('what the cluster cannot give', async (t) => {
  await using stage = await setUp();
  const { cluster, connected, read, create } = stage;
  const { faults } = cluster.sandbox;
  await create('web', saying('one'));
  const resource = 'pods/log';
  const refused = async (fault: Parameters<typeof faults.refuse>[0], request: Partial<LogRequest> = {}) => {
    using _fault = faults.refuse(fault, { resource });
    return await failureOf(read('web', request));
  };

  await t.test('is told in the words of the kubelet, without addresses', async (t) => {
    const url = 'https://192.0.2.10:10250/containerLogs/default/web/main?follow=true';
    const message = `Get "${url}": dial tcp 192.0.2.10:10250: connect: connection refused`;
    for (const follow of [false, true]) {
      const error = await refused({ code: 500, reason: '', message }, { follow });
      t.match(error, UnavailableError);
      t.equal(error.message, 'The log cannot be had: connection refused.');
    }
  });

  await t.test('is told in the words of the kubelet too where those come in place of the log', async (t) => {
    for (const [words, told] of [
      [
        `unable to retrieve container logs for containerd://${'0a'.repeat(32)}`,
        'unable to retrieve container logs for containerd://…',
      ],
      [
        'failed to try resolving symlinks in path "/var/log/pods/x/main/0.log": lstat /var/log/pods/x/main/0.log: no such file or directory',
        'no such file or directory',
      ],
    ] as const) {
      for (const follow of [false, true]) {
        const error = await refused({ code: 200, body: words, contentType: 'text/plain' }, { follow });
        t.match(error, UnavailableError);
        t.equal(error.message, `The log cannot be had: ${told}.`);
      }
      using _fault = faults.refuse({ code: 200, body: `${words}\n` }, { resource });
      t.equal(await text(await read('web')), `${words}\n`, 'a line of the log is one');
    }
  });

  await t.test('is a missing permission where it is one, which the log tells', async (t) => {
    const message = 'pods "x" is forbidden: User "y" cannot get resource "pods/log" in API group ""';
    t.match(await refused({ code: 403, message }), InternalError);
    t.match(connected.lines.at(-1), { verb: 'get', resource, msg: 'a permission in the cluster is missing' });
  });

  await t.test('is asked for in vain of an API server that throttles, hangs up, or is none', async (t) => {
    t.match(await refused({ code: 429, retryAfter: 7 }), { retryAfterSeconds: 7 });
    t.match(await refused({ code: 502, body: '<html>' }), { message: 'The Kubernetes API server cannot do it now.' });
    using _fault = faults.drop({ resource });
    t.match(await failureOf(read('web')), { message: 'The Kubernetes API server cannot be reached.' });
  });

  await t.test('leaves no stream behind', async (t) => {
    for (let round = 0; round <= maxOpen; round++) t.match(await refused({ code: 503 }), UnavailableError);
    t.equal(await text(await read('web')), 'one\n');
  });

  t.notMatch(JSON.stringify(connected.lines), /echo|"one/);
});

t.test('a call that is given up before the log is there has nothing opened', async (t) => {
  await using stage = await setUp();
  await stage.create('web', saying('one'));
  using late = stage.cluster.sandbox.faults.hang({ resource: 'pods/log' });
  const left = new AbortController();
  const reading = failureOf(stage.read('web', {}, left.signal));
  await eventually(() => late.hits, Boolean);
  left.abort(new Error('the client left'));
  t.match(await reading, { message: 'the client left' });
});
