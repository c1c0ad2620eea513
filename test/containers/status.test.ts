import fc from 'fast-check';
import t from 'tap';
import type {
  ObservedCondition,
  ObservedContainer,
  ObservedDeployment,
  ObservedPod,
} from '../../src/containers/observed.ts';
import { containerStatus, decidingPod, recoveryMs } from '../../src/containers/status.ts';
import { container, createdAt, deployment, pod, terminated } from '../support/observed.ts';

const now = createdAt + 3_600_000;

const lostNode: ObservedCondition[] = [
  { type: 'Ready', status: 'False' },
  { type: 'ContainersReady', status: 'True' },
];

const rows: [
  sentence: string,
  pods: ObservedPod[],
  status: string,
  message: string,
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
        container: container({ waiting: { reason: 'CrashLoopBackOff' } }),
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
  ['a failed Pod that says nothing', [pod({ phase: 'Failed' })], 'FAILED', 'Pod failed.'],
  [
    'a container in crash loop back-off',
    [
      pod({
        container: container(
          { waiting: { reason: 'CrashLoopBackOff' } },
          { restartCount: 4, lastState: terminated(137, 'OOMKilled') },
        ),
      }),
    ],
    'FAILED',
    'Container is crash-looping: OOMKilled (exit code 137).',
  ],
  [
    'a container in crash loop back-off while its Pod is pending',
    [pod({ phase: 'Pending', container: container({ waiting: { reason: 'CrashLoopBackOff' } }) })],
    'FAILED',
    'Container is crash-looping.',
  ],
  [
    'a container that ended with an error after a restart',
    [pod({ container: container(terminated(137, 'OOMKilled'), { restartCount: 1 }) })],
    'FAILED',
    'Container is crash-looping: OOMKilled (exit code 137).',
  ],
  [
    'a container that ended with an error for the first time',
    [pod({ container: container(terminated(1)) })],
    'RUNNING',
    'Container is running.',
  ],
  [
    'a container that ended without an error after a restart',
    [pod({ container: container(terminated(0, 'Completed'), { restartCount: 3 }) })],
    'RUNNING',
    'Container is running.',
  ],
  [
    'a container that is just back up after a crash',
    [
      pod({
        container: container(
          { running: { startedAt: now - recoveryMs + 1 } },
          { restartCount: 1, lastState: { terminated: { exitCode: 3 } } },
        ),
      }),
    ],
    'FAILED',
    'Container is crash-looping: exit code 3.',
  ],
  [
    'a container that has been up long enough after a crash',
    [
      pod({
        container: container(
          { running: { startedAt: now - recoveryMs } },
          { restartCount: 1, lastState: terminated(3) },
        ),
      }),
    ],
    'RUNNING',
    'Container is running.',
  ],
  [
    'a container that is just back up after it ended without an error',
    [
      pod({
        container: container(
          { running: { startedAt: now } },
          { restartCount: 1, lastState: terminated(0, 'Completed') },
        ),
      }),
    ],
    'RUNNING',
    'Container is running.',
  ],
  ['a running Pod', [pod()], 'RUNNING', 'Container is running.'],
  [
    'a running Pod although the roll-out passed its deadline',
    [pod()],
    'RUNNING',
    'Container is running.',
    deployment({ conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] }),
  ],
  [
    'a pending Pod although the roll-out passed its deadline',
    [pod({ phase: 'Pending' })],
    'PENDING',
    'Pod is pending.',
    deployment({ conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }] }),
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
    'an init container that crashes',
    [initialising(container({ waiting: { reason: 'CrashLoopBackOff' } }, { name: 'proxy', lastState: terminated(1) }))],
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
  ['refused Pods without a message', [], 'FAILED', 'Pods cannot be created: FailedCreate', refused()],
  [
    'refused Pods of a Deployment that is scaled to zero as well',
    [],
    'FAILED',
    'Pods cannot be created: FailedCreate',
    { ...refused(), replicas: 0 },
  ],
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
    [pod({ deletedAt: now })],
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
    deployment({ deletedAt: now }),
  ],
];

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
    const report = containerStatus({ deployment: owner, pods }, now);
    t.match(
      { status: report.status, message: report.message },
      { status, message },
      `reports ${status} for ${sentence}`,
    );
  }
  t.match(containerStatus({ pods: [pod()] }, now), { status: 'DELETED' }, 'reports DELETED whatever Pods remain');
  t.end();
});

await t.test('reads the same through every phase of a crash loop', (t) => {
  const crash = terminated(1);
  const phases: ObservedContainer[] = [
    container(crash, { restartCount: 1 }),
    container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 1, lastState: crash }),
    container({ running: { startedAt: now } }, { restartCount: 2, lastState: crash }),
    container(crash, { restartCount: 2, lastState: crash }),
  ];
  const messages = phases.map(
    (phase) => containerStatus({ deployment: deployment(), pods: [pod({ container: phase })] }, now).message,
  );
  t.strictSame(new Set(messages), new Set(['Container is crash-looping: Error (exit code 1).']));
  t.end();
});

await t.test('asks for another look when a container that is back up will count as running', (t) => {
  const startedAt = now - 4_000;
  const back = pod({ container: container({ running: { startedAt } }, { restartCount: 1, lastState: terminated(1) }) });
  const objects = { deployment: deployment(), pods: [back] };
  t.equal(containerStatus(objects, now).lookAgainAt, startedAt + recoveryMs);
  const later = containerStatus(objects, startedAt + recoveryMs);
  t.equal(later.status, 'RUNNING');
  t.notOk('lookAgainAt' in later);
  t.end();
});

await t.test('asks for another look when a Pod that does not decide yet will count as running', (t) => {
  const startedAt = now - 4_000;
  const back = container({ running: { startedAt } }, { restartCount: 1, lastState: terminated(1) });
  const old = pod({ name: 'old', createdAt, container: back });
  const young = pod({ name: 'young', createdAt: createdAt + 60_000, phase: 'Pending' });
  const objects = { deployment: deployment(), pods: [old, young] };
  t.match(containerStatus(objects, now), { status: 'PENDING', lookAgainAt: startedAt + recoveryMs });
  t.equal(containerStatus(objects, startedAt + recoveryMs).status, 'RUNNING');
  t.end();
});

await t.test('which Pod decides', (t) => {
  const old = pod({ name: 'old', createdAt });
  const young = pod({ name: 'young', createdAt: createdAt + 60_000 });
  const crashing = { container: container({ waiting: { reason: 'CrashLoopBackOff' } }) };
  const cases: [sentence: string, pods: ObservedPod[], name: string | undefined][] = [
    ['none without Pods', [], undefined],
    ['none of those that succeeded', [{ ...old, phase: 'Succeeded' }], undefined],
    ['the newest of those that run', [old, young], 'young'],
    [
      'the first by name of those of one age',
      [
        { ...old, name: 'b' },
        { ...old, name: 'a' },
      ],
      'a',
    ],
    ['one that runs before a newer one that does not yet', [old, { ...young, phase: 'Pending' }], 'old'],
    ['one that runs before a newer one that crashes', [old, { ...young, ...crashing }], 'old'],
    [
      'the newest of those that do not run',
      [
        { ...old, ...crashing },
        { ...young, phase: 'Pending' },
      ],
      'young',
    ],
    [
      'the newer one of an evicted Pod',
      [
        { ...old, phase: 'Failed' },
        { ...young, phase: 'Pending' },
      ],
      'young',
    ],
    [
      'a failed Pod that nothing replaced',
      [
        { ...old, phase: 'Pending' },
        { ...young, phase: 'Failed' },
      ],
      'young',
    ],
    [
      'one that stays before one that is being deleted',
      [
        { ...old, phase: 'Pending' },
        { ...young, deletedAt: now },
      ],
      'old',
    ],
    ['one that is being deleted while there is no other', [{ ...old, deletedAt: now }], 'old'],
    [
      'one that is being deleted before the failed Pod that it replaced',
      [
        { ...old, phase: 'Failed' },
        { ...young, deletedAt: now },
      ],
      'young',
    ],
  ];
  for (const [sentence, pods, name] of cases) {
    t.equal(decidingPod(pods, now)?.name, name, sentence);
    t.equal(decidingPod(pods.toReversed(), now)?.name, name, `${sentence}, in whatever order they are listed`);
  }
  t.end();
});

await t.test('time of change', (t) => {
  const at = (transitionedAt: number): ObservedCondition => ({ type: 'Ready', status: 'True', transitionedAt });
  const owner = deployment({ conditions: [at(createdAt + 5)] });
  const changedAt = (pods: ObservedPod[], deployment = owner) => containerStatus({ deployment, pods }, now).changedAt;
  t.equal(
    changedAt([pod({ conditions: [at(createdAt + 1), at(createdAt + 3)] })]),
    createdAt + 3,
    'is that of the Pod',
  );
  t.equal(changedAt([]), createdAt + 5, 'is that of the Deployment where there is no Pod');
  t.equal(changedAt([pod({ conditions: [at(createdAt - 1)] })]), createdAt, 'is never before the creation');
  t.equal(changedAt([], deployment()), createdAt, 'is the creation where there is no condition');
  t.equal(changedAt([], deployment({ deletedAt: now })), now, 'is the deletion while a finalizer holds the Deployment');
  t.equal(containerStatus({ pods: [] }, now).changedAt, undefined, 'is unknown once the Deployment is gone');
  t.end();
});

await t.test('cuts the message of a condition that is very long', (t) => {
  const { message } = containerStatus({ deployment: refused(`denied ${'😀'.repeat(5_000)}`), pods: [] }, now);
  t.ok(message.length <= 1024);
  t.ok(message.isWellFormed());
  t.end();
});

await t.test('gives every combination of objects a status', (t) => {
  const state = fc.oneof(
    fc.constant({}),
    fc.record({ waiting: fc.record({ reason: fc.string() }, { requiredKeys: [] }) }),
    fc.record({ running: fc.record({ startedAt: fc.integer() }, { requiredKeys: [] }) }),
    fc.record({
      terminated: fc.record({ exitCode: fc.integer(), reason: fc.string() }, { requiredKeys: ['exitCode'] }),
    }),
  );
  const anyContainer = fc.record({
    name: fc.string(),
    restartCount: fc.nat(),
    state,
    lastState: state,
  });
  const condition = fc.record({ type: fc.string(), status: fc.string(), message: fc.string() });
  const anyPod = fc
    .record(
      {
        phase: fc.string(),
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
    fc.property(fc.array(anyPod, { maxLength: 3 }), fc.integer(), (pods, time) => {
      const report = containerStatus({ deployment: deployment(), pods }, time);
      return report.message.length > 0 && (report.lookAgainAt === undefined || report.lookAgainAt > time);
    }),
  );
  t.pass();
  t.end();
});
