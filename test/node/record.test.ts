import t from 'tap';
import { reduceEvent } from '../../scripts/cluster/node/record.ts';

const uid = '09305eec-3b11-425e-af94-ffa19809af4a';
const metadata = { name: 'dcm-web-f8865c897-47vkc', namespace: 'test-1', uid, resourceVersion: '7' };
const at = new Date('2026-01-21T10:00:00.123Z');
const time = '2026-01-21T10:00:00Z';

t.test('a line has what the rules look at, and nothing of this machine', (t) => {
  const image = '10.245.77.2:5000/busybox:1';
  const event = {
    type: 'MODIFIED',
    object: {
      metadata: { ...metadata, deletionTimestamp: time },
      spec: { nodeName: 'real-1' },
      status: {
        phase: 'Running',
        hostIP: '10.245.77.2',
        podIP: '10.244.77.9',
        qosClass: 'Burstable',
        conditions: [
          { type: 'Initialized', status: 'True', lastTransitionTime: time },
          {
            type: 'Ready',
            status: 'False',
            lastProbeTime: null,
            reason: 'ContainersNotReady',
            lastTransitionTime: time,
          },
        ],
        containerStatuses: [
          {
            name: 'app',
            image,
            imageID: `${image}@sha256:1`,
            containerID: 'containerd://2',
            restartCount: 2,
            ready: false,
            started: false,
            state: {
              waiting: {
                reason: 'CrashLoopBackOff',
                message: `back-off 10s of ${image} in ${metadata.name}_test-1(${uid})`,
              },
            },
            lastState: {
              terminated: {
                reason: 'Error',
                exitCode: 1,
                startedAt: time,
                finishedAt: time,
                containerID: 'containerd://1',
              },
            },
          },
        ],
      },
    },
  };
  t.strictSame(reduceEvent(event, at), {
    at: '2026-01-21T10:00:00.123Z',
    pod: '47vkc',
    type: 'MODIFIED',
    deletionTimestamp: time,
    nodeName: 'node-1',
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady', lastTransitionTime: time }],
      containerStatuses: [
        {
          name: 'app',
          restartCount: 2,
          ready: false,
          started: false,
          state: {
            waiting: {
              reason: 'CrashLoopBackOff',
              message:
                'back-off 10s of registry.test:5000/busybox:1 in dcm-web-f8865c897-47vkc_default' +
                '(00000000-0000-0000-0000-000000000000)',
            },
          },
          lastState: { terminated: { reason: 'Error', exitCode: 1, startedAt: time, finishedAt: time } },
        },
      ],
    },
  });
  t.end();
});

t.test('a Pod that nobody has taken has neither a node nor containers', (t) => {
  const object = { metadata, spec: {}, status: { phase: 'Pending' } };
  t.strictSame(reduceEvent({ type: 'ADDED', object }, at), {
    at: '2026-01-21T10:00:00.123Z',
    pod: '47vkc',
    type: 'ADDED',
    status: { phase: 'Pending' },
  });
  t.end();
});
