import t from 'tap';

import type { Pod } from '../../../src/kubernetes/api/resources.ts';
import { projectPod } from '../../../src/kubernetes/objects/pod.ts';

const metadata = {
  uid: 'p-1',
  name: 'dcm-web-77b-abcde',
  resourceVersion: '9',
  creationTimestamp: '2026-01-21T10:00:00Z',
  labels: { 'dcm.project/dcm-instance-id': 'web', 'dcm.project/dcm-incarnation': 'now', 'pod-template-hash': '77b' },
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'dcm-web-77b', uid: 'r-1', controller: true }],
};
/** Of the monotonic clock. */
const now = 100_000;
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
            terminated: { exitCode: 137, signal: 9, reason: 'OOMKilled', finishedAt: '2026-01-21T10:00:04Z' },
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
  t.same(projectPod(pod, undefined, now), {
    uid: 'p-1',
    name: 'dcm-web-77b-abcde',
    resourceVersion: '9',
    containerId: 'web',
    incarnation: 'now',
    createdAt: second(0),
    deletedAt: second(30),
    phase: 'Running',
    reason: 'Odd',
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
        lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
        backOff: {},
      },
      { name: 'proxy', restartCount: 0, isReady: true, state: { running: true }, lastState: {} },
    ],
    initContainers: [],
    ownerName: 'dcm-web-77b',
    templateHash: '77b',
  });
  t.end();
});

t.test('a Pod that no kubelet has seen is pending', (t) => {
  t.match(projectPod({ metadata }, undefined, now), {
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
  const pod = projectPod({ metadata, status: { initContainerStatuses } }, undefined, now);
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
    const pod = projectPod({ metadata, spec: { containers }, status: { containerStatuses } }, undefined, now);
    return pod!.containers.filter(({ isReady }) => isReady).map(({ name }) => name);
  };
  t.same(readiness(false), ['plain', 'live']);
  t.same(readiness(true), ['plain', 'live', 'ready', 'started']);
  t.end();
});

t.test('back-off is carried over from what was known of the same container', (t) => {
  const withStates = (states: Record<string, object>): Pod => ({
    metadata,
    status: {
      containerStatuses: Object.entries(states).map(([name, state]) => ({
        ...{ name, state, ready: false, restartCount: 1, image: '', imageID: '' },
      })),
    },
  });
  const before = projectPod(
    withStates({ web: { waiting: { reason: 'CrashLoopBackOff' } }, proxy: { running: {} } }),
    undefined,
    now,
  );
  const after = projectPod(withStates({ proxy: { running: {} }, web: { running: {} } }), before, now + 1_000);
  t.same(
    after!.containers.map(({ name, backOff }) => [name, backOff]),
    [
      ['proxy', undefined],
      ['web', { upSince: now + 1_000 }],
    ],
  );
  t.end();
});

t.test('what carries no container id is not kept', (t) => {
  t.notOk(projectPod({ metadata: { ...metadata, labels: {} } }, undefined, now));
  t.notOk(projectPod({}, undefined, now));
  t.end();
});
