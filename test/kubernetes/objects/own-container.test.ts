import t from 'tap';
import type { Deployment } from '../../../src/kubernetes/api/resources.ts';
import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { projectPod } from '../../../src/kubernetes/objects/pod.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { legacyDeployment } from '../../support/legacy.ts';

const moment = { now: Date.parse('2026-01-21T10:00:30Z'), elapsed: 100_000 };
const sidecar = { name: 'proxy', image: 'proxy:1', env: [{ name: 'MODE', value: 'proxy' }] };

/** As an injector leaves it that puts its container first. */
function injected(deployment: Deployment): Deployment {
  const copy = structuredClone(deployment);
  copy.spec!.template.spec!.containers.unshift(sidecar);
  return { ...copy, metadata: { ...copy.metadata, uid: 'd-1', resourceVersion: '1' } };
}

function podOf(deployment: Deployment, proxy: object) {
  const labels = deployment.spec!.template.metadata!.labels;
  const [, own] = deployment.spec!.template.spec!.containers;
  const status = { ready: true, image: '', imageID: '', restartCount: 0 };
  const containerStatuses = [
    { ...status, name: 'proxy', ...proxy },
    { ...status, name: own!.name, state: { running: { startedAt: '2026-01-21T10:00:00Z' } } },
  ];
  const metadata = { uid: 'p-1', name: 'pod', resourceVersion: '2', labels, creationTimestamp: '2026-01-21T10:00:00Z' };
  const spec = { containers: deployment.spec!.template.spec!.containers };
  return projectPod({ metadata, spec, status: { phase: 'Running', containerStatuses } } as never, { moment })!;
}

const crashed = { exitCode: 1, reason: 'Error' };
const crashing = {
  restartCount: 5,
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: { terminated: crashed },
};

t.test('a sidecar that stands before our own container is not it', (t) => {
  const spec = containerSpec({ process: { env: [{ name: 'MODE', value: 'web' }] } });
  const deployment = injected(buildDeployment({ id: 'web', incarnation: 'k3x9', namespace: 'default' }, spec));
  const record = projectDeployment(deployment)!;
  const again = projectDeployment(deployment, record)!;
  for (const deployments of [[record], [again]]) {
    const objects = { deployments, services: [], pods: [podOf(deployment, crashing)] };
    const { container } = viewObjects(objects, { namespace: 'default', moment })!;
    t.match(container, { status: 'RUNNING', status_message: 'Container is running.' }, 'its crash loop is not ours');
    t.same(container.spec.process?.env, [{ name: 'MODE', value: 'web' }], 'our values come back');
  }
  t.end();
});

t.test('nor is it where the reference provider made the Deployment', (t) => {
  const legacy = legacyDeployment('web', 'default') as unknown as Deployment;
  const [own] = legacy.spec!.template.spec!.containers;
  legacy.metadata!.generateName = `${own!.name}-`;
  const deployment = injected(legacy);
  const record = projectDeployment(deployment)!;
  t.equal(record.containerName, own!.name);
  t.match(record.spec, { image: own!.image });
  t.end();
});
