/** Reads and events take the endpoints from the same objects by different ways: whatever the objects, they must agree. */
import { momentOf, systemClock } from '../../../src/clock.ts';
import t from 'tap';
import type { ContainerEndpoint } from '../../../src/containers/container.ts';
import type { Deployment, Service } from '../../../src/kubernetes/api/resources.ts';
import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import type { ContainerObjects } from '../../../src/kubernetes/objects/container.ts';
import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { specAnnotation } from '../../../src/kubernetes/objects/identity.ts';
import { projectService } from '../../../src/kubernetes/objects/service.ts';
import { withPorts } from '../../support/base-spec.ts';
import { referenceDeployment, referenceService } from '../../support/reference-container.ts';

const identity = { id: 'web', incarnation: 'k3x9', namespace: 'containers' };
const spec = withPorts({ 8080: 'internal', 8443: 'external', 9090: 'none' });
const stored = { uid: 'd-1', resourceVersion: '5', creationTimestamp: '2026-01-21T10:00:00Z' };

function deployment(annotation?: string): Deployment {
  const built = buildDeployment(identity, spec);
  const { annotations, ...metadata } = built.metadata!;
  const kept = annotation === undefined ? annotations! : { ...annotations, [specAnnotation]: annotation };
  return { ...built, metadata: { ...metadata, ...stored, annotations: kept } };
}

/** A Service of the container with the ports 8080 and 8443, and what a cluster adds to it. */
function service(changes: Service['spec'] = {}, labels = deployment().metadata!.labels!): Service {
  const ports = [8080, 8443].map((port, index) => ({ port, targetPort: port, nodePort: 30_000 + index }));
  return {
    metadata: { ...stored, uid: 's-1', name: 'dcm-web-k3x9', labels },
    spec: { type: 'NodePort', clusterIP: '10.96.0.10', ports, ...changes },
  };
}

function asStored(object: object, uid: string): Deployment & Service {
  const { metadata } = object as Deployment;
  return { ...object, metadata: { ...metadata, ...stored, uid, name: `legacy-${uid}` } };
}

const internal: ContainerEndpoint = { address: '10.96.0.10', port: 8080, scope: 'internal' };
const external: ContainerEndpoint = { address: 'node.example', port: 30_001, scope: 'external' };
const legacyLabels = asStored(referenceDeployment('web'), 'd-1').metadata!.labels!;

for (const [name, made, reachedBy, expected] of [
  ['of our own', deployment(), [service()], [internal, external]],
  ['without its Service', deployment(), [], []],
  ['whose Service is being deleted', deployment(), [deleted(service())], []],
  ['whose Service is of a former incarnation', deployment(), [service({}, { ...legacyLabels })], []],
  [
    'whose annotation was broken by hand: its ports are all external then',
    deployment('{'),
    [service()],
    [{ ...external, port: 30_000 }, external],
  ],
  [
    'whose ports were broken by hand',
    deployment(JSON.stringify({ ...spec, network: { ports: [{ container_port: '8080', visibility: 'internal' }] } })),
    [service()],
    [],
  ],
  [
    'of the reference provider',
    asStored(referenceDeployment('web', [8080]), 'd-1'),
    [
      {
        ...asStored(referenceService('web', [8080]), 's-1'),
        spec: { clusterIP: '10.96.0.10', ports: [{ port: 8080 }] },
      },
    ],
    [internal],
  ],
  ['of the reference provider, without a Service', asStored(referenceDeployment('web', [8080]), 'd-1'), [], []],
] as [string, Deployment, Service[], ContainerEndpoint[]][]) {
  t.test(`a container ${name}`, (t) => {
    const view = { namespace: 'containers', externalAddress: 'node.example' };
    const first = projectDeployment(made)!;
    // As the caches have it after a change that leaves the spec as it was.
    const later = projectDeployment(made, first)!;
    for (const record of [first, later]) {
      const services = reachedBy.map((each) => projectService(each)!);
      const objects: ContainerObjects = { deployments: [record], services, pods: [] };
      const { container, endpoints } = viewObjects(objects, { ...view, moment: momentOf(systemClock) })!;
      t.strictSame(container.endpoints ?? [], expected, 'a read');
      t.equal('endpoints' in container, expected.length > 0, 'absent where there are none');
      t.strictSame(endpoints, expected, 'an event');
    }
    t.end();
  });
}

t.test('a container that is being deleted, or gone, has none', (t) => {
  const services = [projectService(service())!];
  const going = projectDeployment(deleted(deployment()))!;
  const options = { namespace: 'containers', moment: momentOf(systemClock) };
  const view = viewObjects({ deployments: [going], services, pods: [] }, options);
  t.match(view, { status: 'DELETED', endpoints: [] });
  t.equal(viewObjects({ deployments: [], services, pods: [] }, options), undefined);
  t.end();
});

function deleted<Kind extends Deployment | Service>(object: Kind): Kind {
  return { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-21T11:00:00Z' } };
}
