import fc from 'fast-check';
import t from 'tap';
import type {
  ObservedCondition,
  ObservedContainer,
  ObservedDeployment,
  ObservedPod,
} from '../../src/containers/observed.ts';
import { containerStatus } from '../../src/containers/status.ts';
import { container, createdAt, deployment, pod, run, running, terminated } from '../support/observed.ts';

const moment = { now: createdAt + 1_800_000, elapsed: 3_600_000 };
/** After runs that end at once. */
const recoveryMs = 10_000;
const deletedAt = createdAt + 3_600_000;

const lostNode: ObservedCondition[] = [
  { type: 'Ready', status: 'False' },
  { type: 'ContainersReady', status: 'True' },
];

const cameUp: ObservedCondition = { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' };
const overdue: ObservedCondition = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' };

const former = pod({ name: 'dcm-web-1', templateHash: '1' });
const next = { name: 'dcm-web-2', templateHash: '2', createdAt: createdAt + 1_000 };

const rows: [
  sentence: string,
  pods: ObservedPod[],
  status: string,
  message: string | RegExp,
  deployment?: ObservedDeployment,
][] = [
  [
    'a Pod in phase Unknown',
    [pod({ phase: 'Unknown', reason: 'NodeLost' })],
    'UNKNOWN',
    'State of the Pod is unknown (NodeLost).',
  ],
  ['a Pod in phase Unknown without a reason', [pod({ phase: 'Unknown' })], 'UNKNOWN', 'State of the Pod is unknown.'],
  [
    'a Pod whose node no longer reports',
    [pod({ conditions: lostNode, nodeName: 'worker-1' })],
    'UNKNOWN',
    'Node worker-1 does not report.',
  ],
  [
    'a lost node even while the container last crashed',
    [
      pod({
        conditions: lostNode,
        nodeName: 'worker-1',
        container: backingOff(),
      }),
    ],
    'UNKNOWN',
    'Node worker-1 does not report.',
  ],
  [
    'a Pod that is not ready because of a readiness gate',
    [pod({ conditions: lostNode, hasReadinessGates: true })],
    'RUNNING',
    'Container is running.',
  ],
  [
    'a Pod whose own container is not ready',
    [
      pod({
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'ContainersReady', status: 'False' },
        ],
      }),
    ],
    'RUNNING',
    'Container is running.',
  ],
  ['an evicted Pod', [pod({ phase: 'Failed', reason: 'Evicted' })], 'FAILED', 'Pod failed: Evicted.'],
  [
    'a failed Pod with the exit of its container',
    [pod({ phase: 'Failed', container: container(terminated(2)) })],
    'FAILED',
    'Pod failed: Error (exit code 2).',
  ],
  [
    'a Pod whose node, which nobody names, no longer reports',
    [pod({ conditions: lostNode })],
    'UNKNOWN',
    'Node does not report.',
  ],
  [
    'a failed Pod with its reason, its cause and the exit of its container',
    [pod({ phase: 'Failed', reason: 'Evicted', cause: 'low on memory', container: container(terminated(137)) })],
    'FAILED',
    'Pod failed: Evicted: low on memory, Error (exit code 137).',
  ],
  ['a failed Pod with a cause alone', [pod({ phase: 'Failed', cause: 'gone' })], 'FAILED', 'Pod failed: gone.'],
  ['a failed Pod that says nothing', [pod({ phase: 'Failed' })], 'FAILED', 'Pod failed.'],
  [
    'a container in crash loop back-off',
    [pod({ container: backingOff({ restartCount: 4, lastRun: run(137, 'OOMKilled') }) })],
    'FAILED',
    'Container is crash-looping: OOMKilled (exit code 137).',
  ],
  [
    'a container in crash loop back-off of whose runs nothing is told',
    [pod({ container: container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 4 }) })],
    'FAILED',
    'Container is crash-looping.',
  ],
  ...[0, 143, 137].map((exitCode): (typeof rows)[number] => [
    `a crash loop that two probes may cause (exit code ${exitCode})`,
    [pod({ container: backingOff({ lastRun: run(exitCode), restartingProbes: ['liveness', 'startup'] }) })],
    'FAILED',
    `Container ${exitCode === 0 ? 'keeps exiting' : 'is crash-looping'}: Error (exit code ${exitCode}), as when its liveness or startup probe fails.`,
  ]),
  [
    'a crash loop for want of memory, whatever its probes',
    [pod({ container: backingOff({ lastRun: run(137, 'OOMKilled'), restartingProbes: ['liveness'] }) })],
    'FAILED',
    'Container is crash-looping: OOMKilled (exit code 137).',
  ],
  [
    'a container that could not be started, and is not in a crash loop',
    [pod({ container: container({ terminated: { ...run(128, 'StartError'), cause: 'no such file' } }) })],
    'PENDING',
    'Container is restarting after StartError: no such file.',
  ],
  [
    'a container that could not be started, for which no reason is given',
    [pod({ container: container({ terminated: { exitCode: 128, cause: 'no such file', lastedMs: 0 } }) })],
    'PENDING',
    'Container is restarting after StartError: no such file.',
  ],
  [
    'a container in crash loop back-off while its Pod is pending',
    [pod({ phase: 'Pending', container: backingOff() })],
    'FAILED',
    'Container is crash-looping: Error (exit code 1).',
  ],
  [
    'a container in crash loop back-off although it ended without an error',
    [pod({ container: backingOff({ lastRun: run(0, 'Completed') }) })],
    'FAILED',
    'Container keeps exiting: Completed (exit code 0).',
  ],
  [
    'a container that ended again after its back-off',
    [pod({ container: container(terminated(137, 'OOMKilled'), { restartCount: 2 }) })],
    'FAILED',
    'Container is crash-looping: OOMKilled (exit code 137).',
  ],
  [
    'a container that ended again without an error after its back-off',
    [pod({ container: container(terminated(0, 'Completed'), { restartCount: 2 }) })],
    'FAILED',
    'Container keeps exiting: Completed (exit code 0).',
  ],
  [
    'a container that is just back up after its back-off',
    [pod({ container: upAgain(recoveryMs - 1, { lastRun: { exitCode: 3, lastedMs: 0 } }) })],
    'FAILED',
    'Container is crash-looping: exit code 3.',
  ],
  [
    'a container that is just back up after its back-off, in a Pod whose sidecar still waits',
    [pod({ phase: 'Pending', container: upAgain(0, { lastRun: run(1) }) })],
    'FAILED',
    'Container is crash-looping: Error (exit code 1).',
  ],
  [
    'a container that has been up long enough after its back-off',
    [pod({ container: upAgain(recoveryMs, { lastRun: run(3) }) })],
    'RUNNING',
    'Container is running.',
  ],
  [
    'a container that is just back up after a single crash',
    [pod({ container: container(running(), { restartCount: 1, lastRun: run(1) }) })],
    'RUNNING',
    'Container is running.',
  ],
  [
    'a container that ended with an error',
    [pod({ container: container(terminated(1)) })],
    'PENDING',
    'Container is restarting after Error (exit code 1).',
  ],
  [
    'a container that ended with an error once more',
    [pod({ container: container(terminated(137, 'OOMKilled'), { restartCount: 1, lastRun: run(1) }) })],
    'FAILED',
    'Container is crash-looping: OOMKilled (exit code 137).',
  ],
  [
    'a container that ended with an error after a long run',
    [pod({ container: container(terminated(1, 'Error', 600_000), { restartCount: 1, lastRun: run(1) }) })],
    'PENDING',
    'Container is restarting after Error (exit code 1).',
  ],
  [
    'a container that ended without an error',
    [pod({ container: container(terminated(0, 'Completed')) })],
    'PENDING',
    'Container is restarting after Completed (exit code 0).',
  ],
  [
    'a container that ended without an error again and again',
    [pod({ container: container(terminated(0, 'Completed'), { restartCount: 3 }) })],
    'FAILED',
    'Container keeps exiting: Completed (exit code 0).',
  ],
  ...['ErrImagePull', 'ImagePullBackOff', 'RegistryUnavailable', 'SignatureValidationFailed'].map(
    (reason): (typeof rows)[number] => [
      `an image that can no longer be pulled after crashes (${reason})`,
      [pod({ container: container({ waiting: { reason } }, { restartCount: 1, lastRun: run(1) }) })],
      'FAILED',
      'Container is crash-looping: Error (exit code 1). Image cannot be pulled (ImagePullBackOff).',
    ],
  ),
  [
    'an image that can no longer be pulled after one crash',
    [pod({ container: container({ waiting: { reason: 'ImagePullBackOff' } }, { lastRun: run(1) }) })],
    'PENDING',
    'Image cannot be pulled (ImagePullBackOff).',
  ],
  [
    'a container that cannot be created in a Pod that ran before',
    [pod({ container: container({ waiting: { reason: 'CreateContainerError' } }) })],
    'PENDING',
    'Container is waiting: CreateContainerError.',
  ],
  [
    'a container that is created anew after a reboot of its node',
    [
      pod({
        container: container({ waiting: { reason: 'ContainerCreating' } }, { lastRun: run(255, 'Unknown') }),
      }),
    ],
    'PENDING',
    'Container is waiting: ContainerCreating.',
  ],
  [
    'a container of a running Pod that waits for a cause unknown',
    [pod({ container: container({ waiting: {} }) })],
    'PENDING',
    'Container is waiting.',
  ],
  [
    'a container of a running Pod without any state',
    [pod({ container: container({}) })],
    'PENDING',
    'Container is waiting.',
  ],
  [
    'a container that runs and is not ready',
    [pod({ container: container(running(), { isReady: false }) })],
    'PENDING',
    'Container is not ready.',
  ],
  [
    'a container that runs and is not ready, whatever its sidecars wait for',
    [
      pod({
        phase: 'Pending',
        container: container(running(), { isReady: false }),
        initContainers: [container({ waiting: { reason: 'ErrImagePull' } }, { name: 'proxy' })],
      }),
    ],
    'PENDING',
    'Container is not ready.',
  ],
  [
    'a container that runs and is not ready, as the conditions of its Pod say too',
    [
      pod({
        container: container(running(), { isReady: false }),
        conditions: [
          { type: 'Ready', status: 'False' },
          { type: 'ContainersReady', status: 'False' },
        ],
      }),
    ],
    'PENDING',
    'Container is not ready.',
  ],
  [
    'a crash loop in which the container is never up for long enough to be ready',
    [pod({ container: upAgain(0, { isReady: false, lastRun: run(1) }) })],
    'FAILED',
    'Container is crash-looping: Error (exit code 1).',
  ],
  [
    'a container that has recovered from its back-off and is not ready yet',
    [pod({ container: upAgain(recoveryMs, { isReady: false, lastRun: run(1) }) })],
    'PENDING',
    'Container is not ready.',
  ],
  [
    'a container that runs while a sidecar waits for its image',
    [pod({ phase: 'Pending', container: container(running()) })],
    'RUNNING',
    'Container is running.',
  ],
  [
    'a container that runs while a restartable init container crashes',
    [
      pod({
        container: container(running()),
        initContainers: [container({ waiting: { reason: 'CrashLoopBackOff' } }, { name: 'proxy' })],
      }),
    ],
    'RUNNING',
    'Container is running.',
  ],
  ['a container that runs', [pod({ container: container(running()) })], 'RUNNING', 'Container is running.'],
  [
    'a Pod in phase Running of which the kubelet says nothing else, as when it has just started',
    [unreported()],
    'PENDING',
    'Container is waiting.',
  ],
  [
    'the same of a container that came up before',
    [unreported()],
    'PENDING',
    'Container is waiting.',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a container that came up and is not ready for a moment',
    [pod({ container: container(running(), { isReady: false }) })],
    'RUNNING',
    'Container is running, but not ready.',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a container that came up and has ended once',
    [pod({ container: container(terminated(1)) })],
    'RUNNING',
    'Container is started again after Error (exit code 1).',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a container that came up, and ends once more after a long run',
    [pod({ container: container(terminated(1, 'Error', 600_000), { restartCount: 3, lastRun: run(1) }) })],
    'RUNNING',
    'Container is started again after Error (exit code 1).',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a container that came up and is created anew after a reboot of its node',
    [pod({ container: container({ waiting: { reason: 'ContainerCreating' } }, { lastRun: run(255, 'Unknown') }) })],
    'RUNNING',
    'Container is started again after Unknown (exit code 255).',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a container that came up, has ended once, and of whose state nothing is told',
    [pod({ container: container({}, { lastRun: run(1) }) })],
    'RUNNING',
    'Container is started again after Error (exit code 1).',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a Pod that is pending while other conditions are false',
    [pod({ phase: 'Pending' })],
    'PENDING',
    'Pod is pending.',
    deployment({
      conditions: [
        { type: 'Progressing', status: 'False', reason: 'Other' },
        { type: 'Other', status: 'False', reason: 'ProgressDeadlineExceeded' },
      ],
    }),
  ],
  [
    'a container that came up, ended once, and cannot get its image any more',
    [pod({ container: container({ waiting: { reason: 'ErrImagePull' } }, { lastRun: run(1) }) })],
    'PENDING',
    'Image cannot be pulled (ImagePullBackOff).',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a container that came up and ends again and again',
    [pod({ container: container(terminated(1), { restartCount: 1, lastRun: run(1) }) })],
    'FAILED',
    'Container is crash-looping: Error (exit code 1).',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a Pod that replaces one that came up, and is still pending',
    [pod({ phase: 'Pending' })],
    'PENDING',
    'Pod is pending.',
    deployment({ conditions: [cameUp] }),
  ],
  [
    'a running Pod although the roll-out passed its deadline',
    [pod()],
    'RUNNING',
    'Container is running.',
    deployment({ conditions: [overdue] }),
  ],
  [
    'a Pod that serves while the next one comes up',
    [former, pod({ ...next, phase: 'Pending', container: container({ waiting: { reason: 'ContainerCreating' } }) })],
    'RUNNING',
    'Container is running.',
    deployment({ reconciling: true }),
  ],
  [
    'a Pod that serves while the next one cannot pull its image',
    [
      former,
      pod({
        ...next,
        phase: 'Pending',
        container: container({ waiting: { reason: 'ErrImagePull', cause: 'not found' } }),
      }),
    ],
    'RUNNING',
    'Container is running. The roll-out is held up: Image cannot be pulled (ImagePullBackOff): not found.',
    deployment({ reconciling: true }),
  ],
  [
    'a Pod that serves while the next one is not ready yet',
    [former, pod({ ...next, container: container(running(moment.elapsed - 29_999), { isReady: false }) })],
    'RUNNING',
    'Container is running.',
    deployment({ reconciling: true }),
  ],
  [
    'a Pod that serves while the next one has not been ready for long',
    [former, pod({ ...next, container: container(running(moment.elapsed - 30_000), { isReady: false }) })],
    'RUNNING',
    'Container is running. The roll-out is held up: Container is not ready.',
    deployment({ reconciling: true }),
  ],
  ...[terminated(1), running(moment.elapsed - 1_000)].map((state): (typeof rows)[number] => [
    `a Pod that serves while the next one is ${state.running ? 'run once more' : 'restarting'} after an end`,
    [
      former,
      pod({
        ...next,
        container: container(state, {
          isReady: false,
          ...(state.running && { restartCount: 1, lastRun: run(1) }),
        }),
      }),
    ],
    'RUNNING',
    'Container is running. The roll-out is held up: Container is restarting after Error (exit code 1).',
    deployment({ reconciling: true }),
  ]),
  [
    'a Pod that serves while the next one, which crashes again and again, runs for a moment',
    [
      former,
      pod({
        ...next,
        container: container(running(moment.elapsed - 1_000), { isReady: false, restartCount: 2, lastRun: run(1) }),
      }),
    ],
    'RUNNING',
    'Container is running. The roll-out is held up: Container is crash-looping: Error (exit code 1).',
    deployment({ reconciling: true }),
  ],
  [
    'a Pod that serves while the next one is not ready yet, beyond the deadline',
    [former, pod({ ...next, container: container(running(moment.elapsed), { isReady: false }) })],
    'RUNNING',
    'Container is running. The roll-out did not finish in time: Container is not ready.',
    deployment({ reconciling: true, conditions: [overdue] }),
  ],
  [
    'a Pod that serves while the next one is not ready, beyond the deadline',
    [former, pod({ ...next, container: container(running(), { isReady: false }) })],
    'RUNNING',
    'Container is running. The roll-out did not finish in time: Container is not ready.',
    deployment({ reconciling: true, conditions: [overdue] }),
  ],
  [
    'a Pod that serves while the next one crashes',
    [former, pod({ ...next, container: backingOff() })],
    'RUNNING',
    /^Container is running\. The roll-out is held up: Container is crash-looping/,
    deployment({ reconciling: true }),
  ],
  [
    'a Pod that serves while the next one is refused',
    [former],
    'RUNNING',
    /^Container is running\. The roll-out is held up: Pods cannot be created: /,
    { ...refused('exceeded quota: pods'), reconciling: true },
  ],
  [
    'a Pod that serves in the place of one that never came up',
    [
      pod({
        ...next,
        phase: 'Pending',
        createdAt: createdAt - 1_000,
        container: container({ waiting: { reason: 'ErrImagePull' } }),
      }),
      former,
    ],
    'RUNNING',
    'Container is running.',
    deployment({ reconciling: true }),
  ],
  [
    'a Pod whose image could not be pulled within the deadline',
    [pod({ phase: 'Pending', container: container({ waiting: { reason: 'ErrImagePull', cause: 'not found' } }) })],
    'FAILED',
    'Container did not come up in time: Image cannot be pulled (ImagePullBackOff): not found.',
    deployment({ conditions: [overdue] }),
  ],
  [
    'a container that was not ready within the deadline',
    [pod({ container: container(running(), { isReady: false }) })],
    'FAILED',
    'Container did not come up in time: Container is not ready.',
    deployment({ conditions: [overdue] }),
  ],
  [
    'a Deployment without a Pod after the deadline',
    [],
    'FAILED',
    'Container did not come up in time: Waiting for a Pod.',
    deployment({ conditions: [overdue] }),
  ],
  ['a pending Pod', [pod({ phase: 'Pending' })], 'PENDING', 'Pod is pending.'],
  [
    'a Pod that fits on no node',
    [
      unschedulable(
        '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: 0/3 nodes are available: 3 No preemption victims found.',
      ),
    ],
    'PENDING',
    'Pod cannot be scheduled (Unschedulable): Insufficient cpu, had untolerated taint {a: b}.',
  ],
  [
    'a Pod that fits on no node after a node was added',
    [
      unschedulable(
        '0/4 nodes are available: 2 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. no new claims to deallocate, preemption: 0/4 nodes are available.',
      ),
    ],
    'PENDING',
    'Pod cannot be scheduled (Unschedulable): Insufficient cpu, had untolerated taint {a: b}.',
  ],
  [
    'a Pod that fits on no node, told in another order',
    [unschedulable('0/1 nodes are available: 1 node(s) had untolerated taint {a: b}, 1 Insufficient cpu.')],
    'PENDING',
    'Pod cannot be scheduled (Unschedulable): Insufficient cpu, had untolerated taint {a: b}.',
  ],
  [
    'a Pod that another scheduler turns away by its name',
    [unschedulable('no room for dcm-web-7d4b9c6f5-x7k2p (pod-uid)')],
    'PENDING',
    'Pod cannot be scheduled (Unschedulable): no room for … (…).',
  ],
  [
    'a Pod without a node for an unknown cause',
    [unschedulable()],
    'PENDING',
    'Pod cannot be scheduled (Unschedulable).',
  ],
  [
    'a container that is being created',
    [pod({ phase: 'Pending', container: container({ waiting: { reason: 'ContainerCreating' } }) })],
    'PENDING',
    'Container is waiting: ContainerCreating.',
  ],
  ...['ErrImagePull', 'ImagePullBackOff'].map((reason): (typeof rows)[number] => [
    `an image that cannot be pulled (${reason})`,
    [pod({ phase: 'Pending', container: container({ waiting: { reason } }) })],
    'PENDING',
    'Image cannot be pulled (ImagePullBackOff).',
  ]),
  [
    'a container whose configuration is missing',
    [pod({ phase: 'Pending', container: container({ waiting: { reason: 'CreateContainerConfigError' } }) })],
    'PENDING',
    'Container is waiting: CreateContainerConfigError.',
  ],
  [
    'a container whose configuration went before it was restarted',
    [
      pod({
        container: container(
          { waiting: { reason: 'CreateContainerConfigError' } },
          { restartCount: 1, lastRun: run(1) },
        ),
      }),
    ],
    'FAILED',
    'Container is crash-looping: Error (exit code 1). Container is waiting: CreateContainerConfigError.',
  ],
  [
    'a container that still waits for a volume',
    [
      pod({
        phase: 'Pending',
        container: container({ waiting: { reason: 'ContainerCreating' } }, { isReady: false }),
        conditions: [{ type: 'PodReadyToStartContainers', status: 'False' }],
      }),
    ],
    'PENDING',
    'Container is waiting: ContainerCreating.',
  ],
  [
    'an init container that crashes',
    [initialising(container({ waiting: { reason: 'CrashLoopBackOff' } }, { name: 'proxy', lastRun: run(1) }))],
    'PENDING',
    'Init container proxy fails: Error (exit code 1).',
  ],
  [
    'an init container that has just crashed',
    [initialising(container(terminated(1), { name: 'proxy' }))],
    'PENDING',
    'Init container proxy fails: Error (exit code 1).',
  ],
  [
    'an init container whose image cannot be pulled',
    [initialising(container({ waiting: { reason: 'ErrImagePull' } }, { name: 'proxy' }))],
    'PENDING',
    'Image of init container proxy cannot be pulled (ImagePullBackOff).',
  ],
  [
    'an init container that waits for its configuration',
    [initialising(container({ waiting: { reason: 'CreateContainerConfigError' } }, { name: 'proxy' }))],
    'PENDING',
    'Init container proxy is waiting: CreateContainerConfigError.',
  ],
  [
    'init containers that only wait for their turn',
    [initialising(container({ waiting: { reason: 'PodInitializing' } }, { name: 'proxy' }))],
    'PENDING',
    'Container is waiting: PodInitializing.',
  ],
  [
    'an init container whose secret is missing, after a run that ended well',
    [
      initialising(
        container(
          { waiting: { reason: 'CreateContainerConfigError', cause: 'secret "a" not found' } },
          { name: 'proxy', lastRun: run(0, 'Completed') },
        ),
      ),
    ],
    'PENDING',
    'Init container proxy is waiting: CreateContainerConfigError: secret "a" not found.',
  ],
  [
    'a quota that is used up',
    [],
    'FAILED',
    'Pods cannot be created: exceeded quota: small, requested: pods=1, limited: pods=5',
    refused(
      'pods "dcm-web-7d4b9c6f5-x7k2p" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5',
    ),
  ],
  [
    'a policy that names the Pod',
    [],
    'FAILED',
    'Pods cannot be created: admission webhook "policy" denied the request: resource Pod/default/dcm-web is not signed',
    refused(
      'admission webhook "policy" denied the request: resource Pod/default/dcm-web-7d4b9c6f5-x7k2p is not signed',
    ),
  ],
  [
    'a ReplicaSet that a policy refuses',
    [],
    'FAILED',
    `Pods cannot be created: ValidatingAdmissionPolicy 'small' with binding 'all' denied request: too large`,
    deployment({
      conditions: [
        {
          type: 'Progressing',
          status: 'False',
          reason: 'ReplicaSetCreateError',
          message: `replicasets.apps "dcm-web-7d4b9c6f5" is forbidden: ValidatingAdmissionPolicy 'small' with binding 'all' denied request: too large`,
        },
      ],
    }),
  ],
  [
    'a limit range that lists its reasons in some order',
    [],
    'FAILED',
    'Pods cannot be created: [maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 64Mi, but limit is 128Mi]',
    refused(
      'pods "dcm-web-7d4b9c6f5-x7k2p" is forbidden: [maximum memory usage per Container is 64Mi, but limit is 128Mi, maximum cpu usage per Container is 1, but limit is 2]',
    ),
  ],
  [
    'a webhook that does not answer',
    [],
    'PENDING',
    'Pods cannot be created: Internal error occurred: failed calling webhook "policy": failed to call webhook: Post "https://policy.test": dial tcp 10.96.0.7:443: connect: connection refused',
    refused(
      'Internal error occurred: failed calling webhook "policy": failed to call webhook: Post "https://policy.test": dial tcp 10.96.0.7:443: connect: connection refused',
    ),
  ],
  [
    'a webhook whose certificate has expired, as one of its tries has it',
    [],
    'PENDING',
    'Pods cannot be created: Internal error occurred: failed calling webhook "policy": failed to call webhook: Post "https://policy.test:443/pods": tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
    refused(
      'Internal error occurred: failed calling webhook "policy": failed to call webhook: Post "https://policy.test:443/pods?timeout=10s": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-30T10:00:00Z is after 2026-01-01T00:00:00Z',
    ),
  ],
  [
    'a webhook that breaks off the connection, as one of its tries has it',
    [],
    'PENDING',
    'Pods cannot be created: Internal error occurred: failed calling webhook "policy": failed to call webhook: Post "https://policy.test": read tcp 10.96.0.7:443: read: connection reset by peer',
    refused(
      'Internal error occurred: failed calling webhook "policy": failed to call webhook: Post "https://policy.test": read tcp 10.0.2.15:40312->10.96.0.7:443: read: connection reset by peer',
    ),
  ],
  [
    'a webhook that lists the policies in some order',
    [],
    'FAILED',
    'Pods cannot be created: admission webhook "policy" denied the request: [labels] no owner\n[limits] no limit',
    refused('admission webhook "policy" denied the request: [limits] no limit\n[labels] no owner'),
  ],
  [
    'a policy that asks for a time-out',
    [],
    'FAILED',
    'Pods cannot be created: admission webhook "policy" denied the request: the label read-timeout is required',
    refused('admission webhook "policy" denied the request: the label read-timeout is required'),
  ],
  ...['timeout', 'eof', 'etcdserver'].map((id): (typeof rows)[number] => [
    `a quota that refuses the Pod of a container whose id is ${id}`,
    [],
    'FAILED',
    'Pods cannot be created: exceeded quota: small, requested: pods=1, limited: pods=5',
    {
      ...refused(
        `pods "dcm-${id}-7d4b9c6f5-x7k2p" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5`,
      ),
      name: `dcm-${id}`,
    },
  ]),
  [
    'a scheduler without any node',
    [
      pod({
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: 'no nodes available to schedule pods',
          },
        ],
      }),
    ],
    'PENDING',
    'Pod cannot be scheduled (Unschedulable): no nodes available to schedule pods.',
  ],
  [
    'an evicted Pod that a newer one replaced, which ended well',
    [
      pod({ phase: 'Failed', reason: 'Evicted', name: 'dcm-web-7d4b9c6f5-a' }),
      pod({ phase: 'Succeeded', name: 'dcm-web-7d4b9c6f5-b', createdAt: createdAt + 1_000 }),
    ],
    'PENDING',
    'Waiting for a Pod.',
  ],
  [
    'Pods that are refused without a word',
    [],
    'PENDING',
    'Pods cannot be created.',
    deployment({ conditions: [{ type: 'ReplicaFailure', status: 'True' }] }),
  ],
  [
    'a refusal that is over',
    [],
    'PENDING',
    'Waiting for a Pod.',
    deployment({ conditions: [{ type: 'ReplicaFailure', status: 'False', message: 'denied' }] }),
  ],
  [
    'a quota whose use is not counted yet',
    [],
    'PENDING',
    'Pods cannot be created: status unknown for quota: small, resources: pods',
    refused('pods "dcm-web-7d4b9c6f5-x7k2p" is forbidden: status unknown for quota: small, resources: pods'),
  ],
  [
    'a fault that never passed',
    [],
    'FAILED',
    'Container did not come up in time: Pods cannot be created: etcdserver: request timed out',
    {
      ...refused('etcdserver: request timed out'),
      conditions: [...refused('etcdserver: request timed out').conditions, overdue],
    },
  ],
  ['Pods that cannot be made for a reason untold', [], 'PENDING', 'Pods cannot be created: FailedCreate', refused()],
  [
    'refused Pods of a Deployment that is scaled to zero as well',
    [],
    'FAILED',
    'Pods cannot be created: exceeded quota',
    { ...refused('exceeded quota'), replicas: 0 },
  ],
  ['a Deployment that is paused', [], 'PENDING', 'Deployment is paused.', deployment({ paused: true })],
  [
    'a Pod that runs although another was refused',
    [pod()],
    'RUNNING',
    'Container is running.',
    refused('exceeded quota'),
  ],
  ['a Deployment scaled to zero', [], 'FAILED', 'Deployment is scaled to zero.', deployment({ replicas: 0 })],
  [
    'a Deployment scaled to zero whose Pod is still ending',
    [pod({ deletedAt })],
    'RUNNING',
    'Container is running.',
    deployment({ replicas: 0 }),
  ],
  ['a Deployment without a Pod', [], 'PENDING', 'Waiting for a Pod.'],
  ['a Pod that succeeded', [pod({ phase: 'Succeeded' })], 'PENDING', 'Waiting for a Pod.'],
  [
    'a Deployment that is being deleted while its Pod runs',
    [pod()],
    'DELETED',
    'Container was deleted.',
    deployment({ deletedAt }),
  ],
];

/** A kubelet that has just started says no more than the phase. */
function unreported(): ObservedPod {
  const { container: _container, ...rest } = pod();
  return rest;
}

function backingOff(changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 1, lastRun: run(1), ...changes });
}

/** Up again after two crashes, for `ms` milliseconds. */
function upAgain(ms: number, changes: Partial<ObservedContainer> = {}): ObservedContainer {
  return container(running(moment.elapsed - ms), { restartCount: 2, lastRun: run(1), ...changes });
}

function unschedulable(message?: string): ObservedPod {
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', ...(message && { message }) };
  return pod({ phase: 'Pending', conditions: [condition] });
}

function initialising(...initContainers: ObservedContainer[]): ObservedPod {
  const own = container({ waiting: { reason: 'PodInitializing' } });
  return pod({ phase: 'Pending', container: own, initContainers });
}

function refused(message?: string): ObservedDeployment {
  const condition = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', ...(message && { message }) };
  return deployment({ conditions: [condition] });
}

await t.test('status and message', (t) => {
  for (const [sentence, pods, status, message, owner = deployment()] of rows) {
    const report = containerStatus({ deployment: owner, pods }, moment);
    t.match(
      { status: report.status, message: report.message },
      { status, message },
      `reports ${status} for ${sentence}`,
    );
  }
  t.match(containerStatus({ pods: [pod()] }, moment), { status: 'DELETED' }, 'reports DELETED whatever Pods remain');
  t.end();
});

await t.test('reads the same through every phase of a crash loop', (t) => {
  const crash = terminated(1);
  const phases: ObservedContainer[] = [
    backingOff({ lastRun: run(1) }),
    upAgain(0, { lastRun: run(1) }),
    container(crash, { restartCount: 2, lastRun: run(1) }),
    backingOff({ restartCount: 2, lastRun: run(1) }),
    ...['ImageInspectError', 'CreateContainerError', 'RunContainerError'].map((reason) =>
      container({ waiting: { reason } }, { restartCount: 2, lastRun: run(1) }),
    ),
  ];
  const messages = phases.map(
    (phase) => containerStatus({ deployment: deployment(), pods: [pod({ container: phase })] }, moment).message,
  );
  t.strictSame(new Set(messages), new Set(['Container is crash-looping: Error (exit code 1).']));
  t.end();
});

await t.test('is patient with crashes as long as the container was not restarted too often', (t) => {
  const message = 'Container is crash-looping: Error (exit code 1).';
  const loop = { restartCount: 2, lastRun: run(1) };
  const phases = [backingOff(loop), container(terminated(1), loop), upAgain(0, { ...loop, restartCount: 3 })];
  for (const phase of phases) {
    const objects = { deployment: deployment({ conditions: [cameUp] }), pods: [pod({ container: phase })] };
    t.match(containerStatus(objects, moment, { crashTolerance: 3 }), { status: 'RUNNING', message });
    t.match(containerStatus(objects, moment, { crashTolerance: 2 }), { status: 'FAILED', message });
  }
  const never = { deployment: deployment(), pods: [pod({ container: backingOff(loop) })] };
  t.match(containerStatus(never, moment, { crashTolerance: 3 }), { status: 'PENDING', message }, 'never came up');
  const held = container({ waiting: { reason: 'ErrImagePull' } }, loop);
  t.match(
    containerStatus({ deployment: deployment({ conditions: [cameUp] }), pods: [pod({ container: held })] }, moment, {
      crashTolerance: 3,
    }),
    { status: 'PENDING', message: `${message} Image cannot be pulled (ImagePullBackOff).` },
    'cannot come up again',
  );
  const failed = { deployment: deployment(), pods: [pod({ phase: 'Failed' })] };
  t.equal(containerStatus(failed, moment, { crashTolerance: 3 }).status, 'FAILED', 'but not with a Pod that failed');
  t.end();
});

await t.test('counts a container as well after twice its last run', (t) => {
  const rows: [lastedMs: number, wellAfterMs: number][] = [
    [0, 10_000],
    [5_000, 10_000],
    [15_000, 30_000],
    [400_000, 600_000],
  ];
  for (const [lastedMs, wellAfterMs] of rows) {
    const objects = {
      deployment: deployment(),
      pods: [pod({ container: upAgain(0, { lastRun: run(1, 'Error', lastedMs) }) })],
    };
    const at = (ms: number) => containerStatus(objects, { ...moment, elapsed: moment.elapsed + ms });
    t.match(at(wellAfterMs - 1), { status: 'FAILED', lookAgainAt: moment.elapsed + wellAfterMs });
    t.equal(at(wellAfterMs).status, 'RUNNING');
  }
  t.end();
});

await t.test('waits for the address of a load balancer for a while', (t) => {
  const objects = { deployment: deployment(), pods: [pod()], awaitsAddress: true as const };
  const at = (ms: number, settings = {}) =>
    containerStatus(objects, { now: createdAt + ms, elapsed: moment.elapsed }, settings);
  t.match(at(30_000), {
    status: 'PENDING',
    message: 'Waiting for the address of the load balancer.',
    changedAt: createdAt,
    lookAgainAt: moment.elapsed + 60_000,
  });
  t.match(at(90_000), { status: 'RUNNING', lookAgainAt: undefined });
  t.equal(at(0, { addressWaitMs: 0 }).status, 'RUNNING');
  t.equal(at(91_000, { addressWaitMs: 92_000 }).status, 'PENDING');
  const { awaitsAddress: _awaitsAddress, ...reachable } = objects;
  t.equal(containerStatus(reachable, { now: createdAt, elapsed: 0 }).status, 'RUNNING', 'once it is there');
  t.end();
});

await t.test('waits for that address too while a container that came up is disturbed', (t) => {
  const unready = container(running(), { isReady: false });
  const restarting = container(terminated(1), { restartCount: 0 });
  for (const disturbed of [unready, restarting]) {
    const objects = {
      deployment: deployment({ conditions: [cameUp] }),
      pods: [pod({ container: disturbed })],
      awaitsAddress: true as const,
    };
    t.match(containerStatus(objects, { now: createdAt + 30_000, elapsed: moment.elapsed }), {
      status: 'PENDING',
      message: 'Waiting for the address of the load balancer.',
      lookAgainAt: moment.elapsed + 60_000,
    });
    t.equal(containerStatus(objects, { now: createdAt + 90_000, elapsed: moment.elapsed }).status, 'RUNNING');
  }
  t.end();
});

await t.test('asks for another look when a container that is back up will count as running', (t) => {
  const objects = { deployment: deployment(), pods: [pod({ container: upAgain(4_000) })] };
  const recoveredAt = moment.elapsed - 4_000 + recoveryMs;
  t.equal(containerStatus(objects, moment).lookAgainAt, recoveredAt);
  const later = containerStatus(objects, { ...moment, elapsed: recoveredAt });
  t.equal(later.status, 'RUNNING');
  t.notOk('lookAgainAt' in later);
  t.end();
});

await t.test('asks for another look when a Pod that does not decide yet will count as running', (t) => {
  const old = pod({ name: 'old', createdAt, container: upAgain(4_000) });
  const young = pod({ name: 'young', createdAt: createdAt + 60_000, phase: 'Pending' });
  const objects = { deployment: deployment(), pods: [old, young] };
  const recoveredAt = moment.elapsed - 4_000 + recoveryMs;
  t.match(containerStatus(objects, moment), { status: 'PENDING', lookAgainAt: recoveredAt });
  t.equal(containerStatus(objects, { ...moment, elapsed: recoveredAt }).status, 'RUNNING');
  t.end();
});

await t.test('asks for another look when it will be news that the Pod of a roll-out is not ready', (t) => {
  const unready = pod({ ...next, container: container(running(moment.elapsed - 1_000), { isReady: false }) });
  const objects = { deployment: deployment({ reconciling: true }), pods: [former, unready] };
  const newsAt = moment.elapsed + 29_000;
  t.match(containerStatus(objects, moment), { message: 'Container is running.', lookAgainAt: newsAt });
  const later = containerStatus(objects, { ...moment, elapsed: newsAt });
  t.match(later.message, /held up/);
  t.notOk('lookAgainAt' in later);
  t.end();
});

await t.test('which Pod decides', (t) => {
  const old = (changes: Partial<ObservedPod> = {}) => pod({ name: 'old', createdAt, ...changes });
  const young = (changes: Partial<ObservedPod> = {}) =>
    pod({ name: 'young', createdAt: createdAt + 60_000, ...changes });
  const crashing = { container: backingOff() };
  const unready = container(running(), { isReady: false });
  const cases: [sentence: string, pods: ObservedPod[], name: string | undefined, owner?: ObservedDeployment][] = [
    ['none without Pods', [], undefined],
    ['none of those that succeeded', [old({ phase: 'Succeeded' })], undefined],
    ['the newest of those that run', [old(), young()], 'young'],
    ['the first by name of those of one age', [old({ name: 'b' }), old({ name: 'a' })], 'a'],
    ['one that runs before a newer one that does not yet', [old(), young({ phase: 'Pending' })], 'old'],
    ['one that runs before a newer one that crashes', [old(), young({ ...crashing })], 'old'],
    [
      'the newest of those that came up and are disturbed',
      [old({ container: unready }), young({ container: unready })],
      'young',
      deployment({ conditions: [cameUp] }),
    ],
    ['the newest of those that do not run', [old({ ...crashing }), young({ phase: 'Pending' })], 'young'],
    ['the newer one of an evicted Pod', [old({ phase: 'Failed' }), young({ phase: 'Pending' })], 'young'],
    ['a failed Pod that nothing replaced', [old({ phase: 'Pending' }), young({ phase: 'Failed' })], 'young'],
    ['one that stays before one that is being deleted', [old({ phase: 'Pending' }), young({ deletedAt })], 'old'],
    ['one that is being deleted while there is no other', [old({ deletedAt })], 'old'],
    [
      'one that is being deleted before the failed Pod that it replaced',
      [old({ phase: 'Failed' }), young({ deletedAt })],
      'young',
    ],
  ];
  for (const [sentence, pods, name, owner = deployment()] of cases) {
    t.equal(containerStatus({ deployment: owner, pods }, moment).pod?.name, name, sentence);
    t.equal(
      containerStatus({ deployment: owner, pods: pods.toReversed() }, moment).pod?.name,
      name,
      `${sentence}, in whatever order they are listed`,
    );
  }
  t.end();
});

await t.test('time of change', (t) => {
  const at = (transitionedAt: number): ObservedCondition => ({ type: 'Ready', status: 'True', transitionedAt });
  const owner = deployment({ conditions: [at(createdAt + 5)] });
  const changedAt = (pods: ObservedPod[], deployment = owner) =>
    containerStatus({ deployment, pods }, moment).changedAt;
  t.equal(
    changedAt([pod({ conditions: [at(createdAt + 1), at(createdAt + 3)] })]),
    createdAt + 3,
    'is that of the Pod',
  );
  t.equal(changedAt([]), createdAt + 5, 'is that of the Deployment where there is no Pod');
  t.equal(changedAt([pod({ conditions: [at(createdAt - 1)] })]), createdAt, 'is never before the creation');
  const successor = pod({ createdAt: createdAt + 60_000 });
  t.equal(changedAt([successor]), createdAt + 60_000, 'is not set back by a Pod that takes the place of another');
  const ended = pod({ phase: 'Succeeded', conditions: [at(createdAt + 7)] });
  t.equal(changedAt([ended]), createdAt + 7, 'is that of a Pod that has ended well, until another is there');
  t.equal(changedAt([], deployment()), createdAt, 'is the creation where there is no condition');
  t.equal(
    changedAt([], deployment({ deletedAt })),
    deletedAt,
    'is the deletion while a finalizer holds the Deployment',
  );
  t.equal(containerStatus({ pods: [] }, moment).changedAt, undefined, 'is unknown once the Deployment is gone');
  t.end();
});

await t.test('cuts the message of a condition that is very long', (t) => {
  const messageOf = (denial: string) =>
    containerStatus({ deployment: refused(denial), pods: [] }, moment).message.replace('Pods cannot be created: ', '');
  t.equal(messageOf('a'.repeat(1_000)), 'a'.repeat(1_000));
  t.equal(messageOf('a'.repeat(1_001)), `${'a'.repeat(999)}…`);
  t.equal(messageOf(`${'a'.repeat(998)}😀😀`), `${'a'.repeat(998)}\ufffd…`);
  t.end();
});

await t.test('gives every combination of objects a status', (t) => {
  const anyRun = fc.record(
    { exitCode: fc.integer(), reason: fc.string(), lastedMs: fc.nat() },
    { requiredKeys: ['exitCode', 'lastedMs'] },
  );
  const state = fc.oneof(
    fc.constant({}),
    fc.record({ waiting: fc.record({ reason: fc.string() }, { requiredKeys: [] }) }),
    fc.record({ running: fc.record({ since: fc.integer() }) }),
    fc.record({ terminated: anyRun }),
  );
  const anyContainer = fc.record(
    { name: fc.string(), restartCount: fc.nat(), isReady: fc.boolean(), state, lastRun: anyRun },
    { requiredKeys: ['name', 'restartCount', 'isReady', 'state'] },
  );
  const condition = fc.record({ type: fc.string(), status: fc.string(), message: fc.string() });
  const anyPod = fc
    .record(
      {
        phase: fc.oneof(fc.constant('Running'), fc.string()),
        templateHash: fc.constantFrom('1', '2'),
        createdAt: fc.integer(),
        deletedAt: fc.integer(),
        container: anyContainer,
        initContainers: fc.array(anyContainer, { maxLength: 2 }),
        conditions: fc.array(condition, { maxLength: 2 }),
      },
      { requiredKeys: [] },
    )
    .map((changes) => pod(changes));
  fc.assert(
    fc.property(fc.array(anyPod, { maxLength: 3 }), fc.integer(), fc.boolean(), (pods, time, rolls) => {
      const objects = { deployment: deployment({ ...(rolls && { reconciling: true }) }), pods };
      const report = containerStatus(objects, { now: time, elapsed: time });
      return report.message.length > 0 && (report.lookAgainAt === undefined || report.lookAgainAt > time);
    }),
  );
  t.pass();
  t.end();
});
