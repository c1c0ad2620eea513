/** Containers of the one real node, and what the contract has DCM hear of each. Times are as short as kubelets allow. */
import type { ContainerSpec } from '../support/base-spec.ts';
import type { Step } from './steps.ts';

type Hints = NonNullable<NonNullable<ContainerSpec['provider_hints']>['kubernetes']>;

export interface Case {
  spec: ContainerSpec;
  steps: readonly Step[];
}

interface Description {
  image?: string;
  /** A line of shell. Absent: it sleeps, and ends when it is asked to. */
  shell?: string;
  command?: string[];
  ports?: NonNullable<ContainerSpec['network']>['ports'];
  hints?: Hints;
}

export interface Places {
  /** As references of images begin. */
  registry: string;
  /** The same, of one that is away at first. */
  awayRegistry: string;
  /** URL that answers 200 to the first container that asks whether it shall fill its volume, and 404 to all later ones. */
  fillUrl: string;
}

const sleep = 'trap "exit 0" TERM; while :; do sleep 1 & wait $!; done';
const exec = (...command: string[]) => ({ exec: { command } });
const pending: Step = { status: 'PENDING' };
const running: Step = { status: 'RUNNING' };
const maybeRunning: Step = { status: 'RUNNING', optional: true };
/** Nothing is told after the second end, whatever the loop does. */
const failed = (message: RegExp): Step => ({ status: 'FAILED', message, once: true });
const pendingFor = (message: RegExp): Step => ({ status: 'PENDING', message });

export function describeContainer(
  { registry }: Pick<Places, 'registry'>,
  description: Description = {},
): ContainerSpec {
  const { image = `${registry}/busybox:1`, shell = sleep, command = ['sh', '-c', shell], ports, hints } = description;
  return {
    service_type: 'container',
    metadata: { name: 'app' },
    image: { reference: image },
    resources: { cpu: { min: '10m', max: 1 }, memory: { min: '8MB', max: '64MB' } },
    process: { command },
    ...(ports && { network: { ports } }),
    ...(hints && { provider_hints: { kubernetes: hints } }),
  };
}

export function describeCases(places: Places): Record<string, Case> {
  const { registry, awayRegistry, fillUrl } = places;
  const one = (description: Description, ...steps: Step[]): Case => ({
    spec: describeContainer(places, description),
    steps,
  });
  const late = '(sleep 8; touch /tmp/ok) & ';
  const early = 'touch /tmp/ok; (sleep 6; rm /tmp/ok) & ';
  const isOk = { ...exec('test', '-f', '/tmp/ok'), period_seconds: 1 };
  const volume = { volumes: [{ name: 'data', mount_path: '/data', empty_dir: { size_limit: '10MB' } }] };

  return {
    runs: one({}, pending, running),
    'exits-0': one({ shell: 'exit 0' }, pending, maybeRunning, failed(/keeps exiting/)),
    'exits-1': one({ shell: 'exit 1' }, pending, maybeRunning, failed(/exit code 1\b/)),
    'crashes-after-5s': one({ shell: 'sleep 5; exit 2' }, pending, running, failed(/exit code 2\b/)),
    'crashes-after-15s': one({ shell: 'sleep 15; exit 3' }, pending, running, failed(/exit code 3\b/)),
    'crashes-after-40s': one({ shell: 'sleep 40; exit 4' }, pending, running, failed(/exit code 4\b/)),
    recovers: one(
      { shell: `n=$(ls /data | wc -l); touch /data/$n; [ $n -ge 3 ] || exit 7; ${sleep}`, hints: volume },
      pending,
      maybeRunning,
      failed(/exit code 7\b/),
      running,
    ),
    'no-such-command': one({ command: ['/no/such'] }, pending, failed(/no such file or directory/)),
    'image-comes-later': one({ image: `${registry}/later:1` }, pendingFor(/not found/), running),
    'registry-comes-back': one({ image: `${awayRegistry}/busybox:1` }, pendingFor(/connection refused/), running),
    'liveness-fails': one(
      { shell: early + sleep, hints: { liveness_probe: { ...isOk, failure_threshold: 2 } } },
      pending,
      running,
      failed(/probe|keeps exiting/),
    ),
    'liveness-passes-late': one(
      { shell: late + sleep, hints: { liveness_probe: { ...isOk, failure_threshold: 30 } } },
      pending,
      running,
    ),
    'readiness-fails': one({ hints: { readiness_probe: isOk } }, pendingFor(/ready/)),
    'readiness-passes-late': one(
      { shell: late + sleep, hints: { readiness_probe: isOk } },
      pendingFor(/ready/),
      running,
    ),
    'startup-fails': one(
      { hints: { startup_probe: { ...isOk, failure_threshold: 2 } } },
      pending,
      failed(/probe|keeps exiting/),
    ),
    'startup-passes-late': one(
      { shell: late + sleep, hints: { startup_probe: { ...isOk, failure_threshold: 30 } } },
      pending,
      running,
    ),
    'secret-comes-later': one(
      { hints: { env_from_secrets: [{ name: 'later' }] } },
      pendingFor(/secret "later" not found/),
      running,
    ),
    'runs-as-root': one({ hints: { security_context: { run_as_non_root: true } } }, pendingFor(/runAsNonRoot/)),
    'is-evicted': one(
      {
        shell: `wget -q -O /dev/null ${fillUrl} && dd if=/dev/zero of=/data/big bs=1M count=40; ${sleep}`,
        hints: volume,
      },
      pending,
      running,
      { status: 'FAILED', message: /Evicted/, optional: true },
      pending,
      running,
    ),
    'ignores-sigterm': one(
      {
        shell: 'trap "" TERM; while :; do sleep 1; done',
        hints: { termination_grace_period_seconds: 10 },
      },
      pending,
      running,
      { status: 'DELETED', optional: true },
      pending,
      running,
    ),
    'has-a-node-port': one(
      {
        command: ['httpd', '-f', '-p', '8080', '-h', '/www'],
        ports: [{ container_port: 8080, visibility: 'external' }],
      },
      pending,
      running,
    ),
    'tolerates-little': one(
      {
        hints: {
          tolerations: ['unreachable', 'not-ready'].map((condition) => ({
            key: `node.kubernetes.io/${condition}`,
            operator: 'Exists' as const,
            effect: 'NoExecute' as const,
            toleration_seconds: 10,
          })),
        },
      },
      pending,
      running,
    ),
  };
}
