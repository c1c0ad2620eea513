/** What is reported of containers on a real kubelet (1.37), from its recorded words; `docs/kubelet.md` says how they were made. */
import t from 'tap';
import { replay } from '../support/recordings.ts';
import type { ReplayOptions } from '../support/recordings.ts';

const starting = 'PENDING …';
const running = 'RUNNING Container is running.';
const unready = 'RUNNING Container is running, but not ready.';
const liveness: ReplayOptions = { probes: ['livenessProbe'] };
const readiness: ReplayOptions = { probes: ['readinessProbe'] };

const crashes = (exit: string) => [starting, running, `FAILED Container is crash-looping: ${exit}.`];
const waits = (why: string) => [starting, `PENDING ${why}.`];
const noImage = (cause: string) => `Image cannot be pulled (ImagePullBackOff): ${cause}`;
const noCommand = 'Container cannot be started: exec: "/no/such": stat /no/such: no such file or directory.';
const probeFails = (probe: string) =>
  `FAILED Container keeps exiting: Completed (exit code 0), as when its ${probe} probe fails.`;

const rows: [sentence: string, recording: string, events: string[], options?: ReplayOptions][] = [
  ['crashes every 15 s', 'crash15', crashes('Error (exit code 2)')],
  ['crashes every 11 s', 'crash11', crashes('Error (exit code 1)')],
  ['crashes every 5 s', 'crash5', crashes('Error (exit code 1)')],
  ['crashes at once', 'exit1', crashes('Error (exit code 1)')],
  [
    'exits at once without an error',
    'exit0',
    [starting, running, 'FAILED Container keeps exiting: Completed (exit code 0).'],
  ],
  ['is killed for want of memory', 'oom', crashes('OOMKilled (exit code 137)')],
  ['has a command that does not exist', 'nocmd', [starting, `PENDING ${noCommand}`, `FAILED ${noCommand}`]],
  [
    'has a command that does not exist, while the kubelet restarts',
    'nocmdrestart',
    [starting, `PENDING ${noCommand}`, `FAILED ${noCommand}`],
  ],
  [
    'is restarted by its startup probe',
    'startfail',
    [starting, 'PENDING Container is not ready.', probeFails('startup')],
    { probes: ['startupProbe'] },
  ],
  ['is restarted by its liveness probe', 'livefail', [starting, running, probeFails('liveness')], liveness],
  [
    'is restarted by its liveness probe, while the kubelet restarts',
    'livefailrestart',
    [starting, running, probeFails('liveness')],
    liveness,
  ],
  [
    'is restarted by its liveness probe, and ignores SIGTERM',
    'livestubborn',
    [starting, running, 'FAILED Container is crash-looping: Error (exit code 137), as when its liveness probe fails.'],
    liveness,
  ],
  [
    'is restarted by its liveness probe, and becomes ready each time',
    'livefailready',
    [starting, running, probeFails('liveness')],
    { probes: ['livenessProbe', 'readinessProbe'] },
  ],
  ['crashes three times and recovers', 'recover', [...crashes('Error (exit code 7)'), running], { afterMs: 10_500 }],
  ['has not recovered yet', 'recover', crashes('Error (exit code 7)'), { afterMs: 9_400 }],
  [
    'gets its image late, crashes, and loses its image',
    'gone',
    [
      ...waits(noImage('not found')),
      running,
      'FAILED Container is crash-looping: Error (exit code 3).',
      `FAILED Container is crash-looping: Error (exit code 3). ${noImage('not found')}.`,
    ],
  ],
  [
    'has an image that does not exist, through a restart of the kubelet',
    'missing',
    [...waits(noImage('not found')), ...waits(noImage('not found'))],
  ],
  ['has a registry that is away', 'regdown', waits(noImage('connection refused'))],
  [
    'has a registry that does not speak TLS',
    'unauth',
    waits(noImage('tls: first record does not look like a TLS handshake')),
  ],
  ['has a registry that is overloaded', 'reg503', waits(noImage('503 Service Unavailable'))],
  ['has a registry whose name does not resolve', 'env404', waits(noImage('no such host'))],
  [
    'has an image name with capitals',
    'badname',
    waits(
      'Container is waiting: InvalidImageName: invalid reference format: repository name (Busybox) must be lowercase',
    ),
  ],
  ['lacks a Secret', 'nosecret', waits('Container is waiting: CreateContainerConfigError: secret "absent" not found')],
  [
    'runs as root and must not',
    'nonroot',
    waits('Container is waiting: CreateContainerConfigError: container has runAsNonRoot and image will run as root'),
  ],
  ['never becomes ready', 'unready', [starting, 'PENDING Container is not ready.'], readiness],
  ['becomes ready late', 'readylate', [starting, 'PENDING Container is not ready.', running], readiness],
  [
    'is ready now and then',
    'flap',
    [starting, running, ...Array.from({ length: 8 }, () => [unready, running]).flat()],
    readiness,
  ],
  [
    'fills its disk, ends well on the eviction, and is replaced',
    'evictdir',
    [starting, running, starting, running, starting, running],
  ],
  [
    'is on a node that is lost, and replaced after its toleration',
    'tol30',
    [
      starting,
      running,
      'UNKNOWN Node node-1 does not report.',
      'PENDING Pod cannot be scheduled (Unschedulable): had untolerated taint(s).',
      starting,
      running,
    ],
  ],
  [
    'is on a kubelet that restarts under pressure and refuses the Pod',
    'kubeletrefuses',
    [
      probeFails('liveness'),
      'PENDING Container is waiting.',
      'PENDING Pod cannot be scheduled (Unschedulable): had untolerated taint(s).',
      starting,
      running,
    ],
    liveness,
  ],
];

for (const [sentence, recording, events, options] of rows) {
  await t.test(sentence, async (t) => {
    t.strictSame(await replay(recording, options), events);
    t.strictSame(await replay(recording, { ...options, waitsInBackOff: true }), events, 'as an older kubelet shows it');
  });
}
