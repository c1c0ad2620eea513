import { momentOf, systemClock } from '../../../src/clock.ts';
import fc from 'fast-check';
import t from 'tap';

import type { ContainerSpec } from '../../../src/containers/container.ts';
import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { specAnnotation } from '../../../src/kubernetes/objects/identity.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { containerSpecs } from '../../support/container-specs.ts';

const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace: 'containers' };

/** What a client reads after the Deployment was sent, stored and seen by the cache. */
function read(spec: ContainerSpec, change: (deployment: ReturnType<typeof buildDeployment>) => void = () => undefined) {
  const deployment = JSON.parse(JSON.stringify(buildDeployment(identity, spec))) as ReturnType<typeof buildDeployment>;
  Object.assign(deployment.metadata!, { uid: 'u-1', resourceVersion: '7', creationTimestamp: '2026-01-21T10:00:00Z' });
  change(deployment);
  const record = projectDeployment(deployment)!;
  const objects = { deployments: [record], services: [], pods: [] };
  return viewObjects(objects, { namespace: 'containers', moment: momentOf(systemClock) })!.container;
}

t.test('any spec comes back as it was sent, with the namespace', (t) => {
  fc.assert(
    fc.property(containerSpecs(), (spec) => {
      t.same(read(spec).spec, { ...spec, metadata: { ...spec.metadata, namespace: 'containers' } });
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('read-only fields in a spec are not kept', (t) => {
  const spec = containerSpec({ metadata: { name: 'web', namespace: 'elsewhere' }, network: { ip: '192.0.2.1' } });
  t.same(read(spec).spec, { ...containerSpec(), metadata: { name: 'web', namespace: 'containers' }, network: {} });
  t.end();
});

t.test('the annotation holds no value of an environment variable', (t) => {
  const spec = containerSpec({ process: { env: [{ name: 'PASSWORD', value: 'hunter2', comment: 'kept' }] } });
  const annotation = buildDeployment(identity, spec).metadata!.annotations![specAnnotation]!;
  t.notMatch(annotation, 'hunter2');
  t.match(annotation, 'PASSWORD');
  t.match(read(spec).spec, spec);
  t.end();
});

t.test('numbers are read exactly when they are shown, not when the cache takes a Deployment', (t) => {
  const spec = { ...containerSpec(), precise: [JSON.rawJSON('1.0'), JSON.rawJSON('1e400')] };
  const deployment = buildDeployment(identity, spec);
  Object.assign(deployment.metadata!, { uid: 'u-1', resourceVersion: '7', creationTimestamp: '2026-01-21T10:00:00Z' });
  const rawJSON = t.capture(JSON, 'rawJSON', JSON.rawJSON);
  const record = projectDeployment(deployment)!;
  t.equal(rawJSON().length, 0, 'none was read exactly');
  const objects = { deployments: [record], services: [], pods: [] };
  const { container } = viewObjects(objects, { namespace: 'containers', moment: momentOf(systemClock) })!;
  t.match(JSON.stringify(container), '"precise":[1.0,1e400]');
  t.equal(rawJSON().length, 2, 'each once');
  t.end();
});

t.test('an annotation that was edited by hand is not trusted', (t) => {
  const broken = [
    '',
    '{',
    'null',
    '[]',
    '{"metadata":{}}',
    '{"metadata":{"name":"a"},"image":{},"resources":{},"process":{"env":1}}',
  ];
  for (const annotation of broken) {
    const { spec } = read(containerSpec(), (deployment) => {
      deployment.metadata!.annotations![specAnnotation] = annotation;
    });
    t.same(spec, { ...containerSpec(), metadata: { name: 'web', namespace: 'containers' } }, annotation);
  }
  t.end();
});

t.test('a container is PENDING and equally old as changed when it is fresh', (t) => {
  t.match(read(containerSpec()), {
    id: 'web',
    path: 'containers/web',
    status: 'PENDING',
    reconciling: true,
    create_time: '2026-01-21T10:00:00.000Z',
    update_time: '2026-01-21T10:00:00.000Z',
  });
  t.end();
});
