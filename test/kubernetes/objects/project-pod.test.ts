import t from 'tap';

import type { Pod } from '../../../src/kubernetes/api/resources.ts';
import { projectPod } from '../../../src/kubernetes/objects/pod.ts';
import type { PodRecord } from '../../../src/kubernetes/objects/pod.ts';

const metadata = {
  uid: 'p-1',
  name: 'dcm-web-77b-abcde',
  resourceVersion: '9',
  creationTimestamp: '2026-01-21T10:00:00Z',
  labels: { 'dcm.project/dcm-instance-id': 'web', 'dcm.project/dcm-incarnation': 'now', 'pod-template-hash': '77b' },
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'dcm-web-77b', uid: 'r-1', controller: true }],
};
const moment = { now: Date.parse('2026-01-21T10:00:30Z'), elapsed: 100_000 };
const second = (count: number) => Date.parse('2026-01-21T10:00:00Z') + count * 1000;

t.test('keeps what the status rules look at', (t) => {
  const pod: Pod = {
    metadata: { ...metadata, deletionTimestamp: '2026-01-21T10:00:30Z' },
    spec: { nodeName: 'node-1', readinessGates: [{ conditionType: 'x' }], containers: [] },
    status: {
      phase: 'Running',
      reason: 'Odd',
      message: 'words',
      podIP: '10.1.2.3',
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'Why',
          message: 'because',
          lastTransitionTime: '2026-01-21T10:00:05Z',
        },
        { type: 'PodScheduled', status: 'True' },
      ],
      containerStatuses: [
        {
          name: 'web',
          restartCount: 3,
          ready: false,
          image: 'web:1',
          imageID: '',
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
          lastState: {
            terminated: {
              exitCode: 137,
              signal: 9,
              reason: 'OOMKilled',
              startedAt: '2026-01-21T10:00:01Z',
              finishedAt: '2026-01-21T10:00:04Z',
            },
          },
        },
        {
          name: 'proxy',
          restartCount: 0,
          ready: true,
          image: '',
          imageID: '',
          state: { running: { startedAt: '2026-01-21T10:00:01Z' } },
        },
      ],
    },
  };
  t.same(projectPod(pod, { moment }), {
    uid: 'p-1',
    name: 'dcm-web-77b-abcde',
    resourceVersion: '9',
    containerId: 'web',
    incarnation: 'now',
    createdAt: second(0),
    deletedAt: second(30),
    phase: 'Running',
    reason: 'Odd',
    cause: 'words',
    podIp: '10.1.2.3',
    nodeName: 'node-1',
    hasReadinessGates: true,
    conditions: [
      { type: 'Ready', status: 'False', reason: 'Why', message: 'because', transitionedAt: second(5) },
      { type: 'PodScheduled', status: 'True' },
    ],
    containers: [
      {
        name: 'web',
        restartCount: 3,
        isReady: true,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastRun: { exitCode: 137, reason: 'OOMKilled', lastedMs: 3_000 },
      },
      { name: 'proxy', restartCount: 0, isReady: true, state: { running: { since: moment.elapsed - 29_000 } } },
    ],
    initContainers: [],
    ownerName: 'dcm-web-77b',
    templateHash: '77b',
  });
  t.end();
});

t.test('a Pod that no kubelet has seen is pending', (t) => {
  t.match(projectPod({ metadata }, { moment }), {
    phase: 'Pending',
    containers: [],
    conditions: [],
    hasReadinessGates: false,
  });
  t.end();
});

t.test('of the init containers those count that wait or have failed', (t) => {
  const status = (name: string, state: object) => ({
    name,
    restartCount: 0,
    ready: false,
    image: '',
    imageID: '',
    state,
  });
  const initContainerStatuses = [
    status('done', { terminated: { exitCode: 0 } }),
    status('failed', { terminated: { exitCode: 1 } }),
    status('running', { running: {} }),
    status('waiting', { waiting: {} }),
  ];
  const pod = projectPod({ metadata, status: { initContainerStatuses } }, { moment });
  t.same(
    pod!.initContainers.map(({ name }) => name),
    ['failed', 'waiting'],
  );
  t.end();
});

t.test('a container with a probe is ready when the kubelet says so, any other always', (t) => {
  const containers = [
    { name: 'plain' },
    { name: 'live', livenessProbe: {} },
    { name: 'ready', readinessProbe: {} },
    { name: 'started', startupProbe: {} },
  ];
  const readiness = (ready: boolean) => {
    const containerStatuses = containers.map(({ name }) => ({ name, ready, restartCount: 0, image: '', imageID: '' }));
    const pod = projectPod({ metadata, spec: { containers }, status: { containerStatuses } }, { moment });
    return pod!.containers.filter(({ isReady }) => isReady).map(({ name }) => name);
  };
  t.same(readiness(false), ['plain', 'live']);
  t.same(readiness(true), ['plain', 'live', 'ready', 'started']);
  t.end();
});

t.test('a run began when this process saw it begin, else when the kubelet says', (t) => {
  const startedAt = new Date(moment.now - 60_000).toISOString();
  const withStates = (states: Record<string, object>, restartCount = 1): Pod => ({
    metadata,
    status: {
      containerStatuses: Object.entries(states).map(([name, state]) => ({
        ...{ name, state, ready: false, restartCount, image: '', imageID: '' },
      })),
    },
  });
  const since = (pod: PodRecord | undefined) => pod!.containers.map(({ state }) => state.running?.since);
  const running = { running: { startedAt } };
  const later = { now: moment.now + 5_000, elapsed: moment.elapsed + 5_000 };

  const first = projectPod(withStates({ web: { waiting: { reason: 'CrashLoopBackOff' } }, proxy: running }), {
    moment,
  });
  t.same(since(first), [undefined, moment.elapsed - 60_000], 'never seen before');
  const second = projectPod(withStates({ proxy: running, web: running }), {
    known: first,
    moment: later,
    isWatched: true,
  });
  t.same(since(second), [moment.elapsed - 60_000, later.elapsed], 'seen to begin, in whatever order');
  const listed = projectPod(withStates({ proxy: running, web: running }), { known: first, moment: later });
  t.same(since(listed), [moment.elapsed - 60_000, moment.elapsed - 60_000], 'begun before a list, nobody saw when');
  t.same(
    since(projectPod(withStates({ web: running }, 2), { known: second, moment: later, isWatched: true })),
    [later.elapsed],
    'another run',
  );
  const ahead = { running: { startedAt: new Date(moment.now + 3_600_000).toISOString() } };
  t.same(since(projectPod(withStates({ web: ahead }), { moment })), [moment.elapsed], 'a node whose clock is ahead');
  t.same(since(projectPod(withStates({ web: { running: {} } }), { moment })), [moment.elapsed], 'no time told');
  t.end();
});

t.test('a run that never began lasted for no time, and has the cause in the words of the kubelet', (t) => {
  const message = 'failed to create containerd task: runc create failed: exec: "/no/such": no such file or directory';
  const terminated = {
    ...{ exitCode: 128, reason: 'StartError', message },
    ...{ startedAt: '1970-01-01T00:00:00Z', finishedAt: '2026-01-21T10:00:04Z' },
  };
  const said = {
    exitCode: 1,
    reason: 'Error',
    message: 'what the container wrote',
    ...{ startedAt: null, finishedAt: null },
  };
  const status = { restartCount: 1, ready: false, image: '', imageID: '' };
  const containerStatuses = [
    { name: 'web', ...status, state: { waiting: { reason: 'RunContainerError', message } }, lastState: { terminated } },
    { name: 'odd', ...status, state: { terminated: said } },
  ] as unknown as NonNullable<NonNullable<Pod['status']>['containerStatuses']>;
  const cause = 'exec: "/no/such": no such file or directory';
  t.match(projectPod({ metadata, status: { containerStatuses } }, { moment })!.containers, [
    { state: { waiting: { reason: 'RunContainerError', cause } }, lastRun: { exitCode: 128, cause, lastedMs: 0 } },
    { state: { terminated: { exitCode: 1, cause: undefined, lastedMs: 0 } } },
  ]);
  t.end();
});

t.test('knows the probes after whose failures the kubelet restarts a container', (t) => {
  const containers = [
    { name: 'none' },
    { name: 'live', livenessProbe: {} },
    { name: 'ready', readinessProbe: {} },
    { name: 'started', startupProbe: {} },
    { name: 'both', startupProbe: {}, livenessProbe: {} },
  ];
  const containerStatuses = containers.map(({ name }) => ({
    name,
    ready: true,
    restartCount: 0,
    image: '',
    imageID: '',
  }));
  const pod = projectPod({ metadata, spec: { containers }, status: { containerStatuses } }, { moment });
  t.same(
    pod!.containers.map(({ restartingProbes }) => restartingProbes),
    [undefined, ['liveness'], undefined, ['startup'], ['liveness', 'startup']],
  );
  t.end();
});

t.test('what carries no container id is not kept', (t) => {
  t.notOk(projectPod({ metadata: { ...metadata, labels: {} } }, { moment }));
  t.notOk(projectPod({}, { moment }));
  t.end();
});
