import t from 'tap';

import {
  currentDeployments,
  observeObjects,
  podsOf,
  reachingServices,
} from '../../../src/kubernetes/objects/container.ts';
import type { DeploymentRecord } from '../../../src/kubernetes/objects/deployment.ts';
import type { PodRecord } from '../../../src/kubernetes/objects/pod.ts';
import { externalServiceName, serviceName } from '../../../src/kubernetes/objects/identity.ts';
import type { ServiceRecord } from '../../../src/kubernetes/objects/service.ts';

const object = { containerId: 'web', resourceVersion: '1', createdAt: 1000 };

function deployment(changes: Partial<DeploymentRecord> = {}): DeploymentRecord {
  const own = { replicas: 1, conditions: [], containerName: 'app', environment: new Map(), spec: '{}' };
  return { ...object, ...own, uid: 'd-1', name: 'dcm-web', ...changes };
}

function pod(changes: Partial<PodRecord> = {}): PodRecord {
  const own = { phase: 'Running', hasReadinessGates: false, conditions: [], containers: [], initContainers: [] };
  return { ...object, ...own, uid: 'p-1', name: 'p', ...changes };
}

function service(changes: Partial<ServiceRecord> = {}): ServiceRecord {
  const own = { name: 's', cluster_ip: '', type: 'ClusterIP' as const, ports: [] };
  return { ...object, uid: 's-1', name: 's', service: own, ...changes };
}

/** The one Service of a Deployment that says nothing of two. */
function serviceOf(
  of: DeploymentRecord,
  services: ServiceRecord[],
  others: DeploymentRecord[] = [],
): ServiceRecord | undefined {
  const { inner, outer } = reachingServices(of, { deployments: [of, ...others], services });
  if (outer !== undefined) throw new Error('there is no second Service without a record of it');
  return inner;
}

t.test('Pods and Services of another incarnation do not count', (t) => {
  const now = deployment({ incarnation: 'new' });
  const pods = [pod({ uid: 'old', incarnation: 'old' }), pod({ uid: 'new', incarnation: 'new' }), pod({ uid: 'none' })];
  t.same(
    podsOf(now, { deployments: [now], pods }).map(({ uid }) => uid),
    ['new'],
  );
  const services = [
    service({ uid: 'old', incarnation: 'old' }),
    service({ uid: 'new', incarnation: 'new' }),
    service(),
  ];
  t.equal(serviceOf(now, services)?.uid, 'new');
  t.end();
});

t.test("without an incarnation the controller's name and the times decide", (t) => {
  const legacy = deployment({ name: 'legacy-x' });
  const pods = [
    pod({ uid: 'mine', ownerName: 'legacy-x-77b', templateHash: '77b' }),
    pod({ uid: 'of another Deployment', ownerName: 'legacy-y-77b', templateHash: '77b' }),
    pod({ uid: 'of a longer name', ownerName: 'legacy-x-y-77b', templateHash: '77b' }),
    pod({ uid: 'from before', createdAt: 999, ownerName: 'legacy-x-66a', templateHash: '66a' }),
    pod({ uid: 'made by hand' }),
    pod({ uid: 'ours', incarnation: 'new' }),
  ];
  t.same(
    podsOf(legacy, { deployments: [legacy], pods }).map(({ uid }) => uid),
    ['mine', 'from before', 'made by hand'],
  );
  t.end();
});

t.test('a Service without an incarnation is its owner’s, or the Deployment’s that no other one comes before', (t) => {
  const legacy = deployment();
  const other = deployment({ uid: 'd-0', createdAt: 900 });
  t.ok(serviceOf(legacy, [service({ ownerUid: 'd-1', createdAt: 999 })], [other]));
  t.ok(serviceOf(legacy, [service()], [other]), 'made after it');
  t.notOk(serviceOf(legacy, [service({ ownerUid: 'd-0' })], [other]), 'another one’s');
  t.notOk(serviceOf(legacy, [service({ createdAt: 999 })], [other]), 'made when there was only another one');
  t.ok(serviceOf(legacy, [service({ createdAt: 999 })]), 'restored before it');
  t.ok(
    serviceOf(legacy, [service({ ownerUid: 'gone', createdAt: 999 })]),
    'restored with an owner that is not any more',
  );
  t.end();
});

t.test('Pods and Services that a backup restored first, without their owners, are those of their incarnation', (t) => {
  const restored = deployment({ incarnation: 'new' });
  const before = { incarnation: 'new', createdAt: 1 };
  t.equal(podsOf(restored, { deployments: [restored], pods: [pod(before)] }).length, 1);
  t.ok(serviceOf(restored, [service(before)]));
  t.ok(serviceOf(restored, [service({ ...before, ownerUid: 'gone' })]));
  t.end();
});

t.test('a Pod without incarnation and owner is the Deployment’s that no other one comes before', (t) => {
  const legacy = deployment({ name: 'legacy-x' });
  const other = deployment({ uid: 'd-0', name: 'legacy-y', createdAt: 900 });
  const orphan = pod({ createdAt: 999 });
  t.equal(podsOf(legacy, { deployments: [legacy], pods: [orphan] }).length, 1);
  t.equal(podsOf(legacy, { deployments: [legacy, other], pods: [orphan] }).length, 0);
  t.end();
});

t.test('a Service that is being deleted is none', (t) => {
  t.notOk(serviceOf(deployment(), [service({ deletedAt: 2000 })]));
  t.end();
});

t.test(
  'of several Services the newest counts, unless the Deployment says that there are two: then the names decide',
  (t) => {
    const isolated = deployment({ incarnation: 'new', isolated: true });
    const named = (name: string, changes: Partial<ServiceRecord> = {}) =>
      service({ uid: name, name, incarnation: 'new', ownerUid: 'd-1', ...changes });
    const inner = named(serviceName('web', 'new'));
    const outer = named(externalServiceName('web', 'new'));
    const stray = named('stray', { createdAt: 2000 });
    const uids = (of: DeploymentRecord, ...services: ServiceRecord[]) => {
      const reaching = reachingServices(of, { deployments: [of], services });
      return [reaching.inner?.uid, reaching.outer?.uid];
    };
    const single = deployment({ incarnation: 'new' });
    t.same(uids(isolated, outer, stray, inner), [inner.uid, outer.uid]);
    t.same(uids(isolated, stray, outer), [undefined, outer.uid]);
    t.same(uids(isolated, inner), [inner.uid, undefined]);
    t.same(uids(isolated, stray), [undefined, undefined]);
    t.same(uids(isolated, named(outer.name, { ownerUid: 'd-0' }), inner), [inner.uid, outer.uid], 'an owner of before');
    t.same(uids(single, outer, stray, inner), ['stray', undefined]);
    t.same(
      uids(deployment({ isolated: true }), service({ uid: 'any' })),
      ['any', undefined],
      'no incarnation, no names',
    );
    t.end();
  },
);

t.test('the oldest of several Deployments counts, and none that is being deleted', (t) => {
  const deployments = [
    deployment({ uid: 'c', createdAt: 3000 }),
    deployment({ uid: 'b', createdAt: 2000 }),
    deployment({ uid: 'a', createdAt: 2000 }),
    deployment({ uid: 'gone', createdAt: 1000, deletedAt: 4000 }),
  ];
  t.same(
    currentDeployments({ deployments }).map(({ uid }) => uid),
    ['a', 'b', 'c'],
  );
  t.end();
});

t.test('our own container is told apart from sidecars by its name', (t) => {
  const container = (name: string) => ({ name, restartCount: 0, isReady: true, state: {}, lastState: {} });
  const objects = {
    deployments: [deployment({ containerName: 'app' })],
    services: [],
    pods: [pod({ containers: [container('proxy'), container('app')] }), pod({ containers: [container('proxy')] })],
  };
  const observed = observeObjects(objects);
  t.same(
    observed.pods.map((each) => each.container?.name),
    ['app', undefined],
  );
  t.end();
});

t.test('what remains of a Deployment that is being deleted can be seen, what remains without one cannot', (t) => {
  const deployments = [deployment({ deletedAt: 2000 })];
  t.equal(observeObjects({ deployments, services: [], pods: [pod()] }).deployment?.deletedAt, 2000);
  t.same(observeObjects({ deployments: [], services: [], pods: [pod()] }), { pods: [] });
  t.end();
});
