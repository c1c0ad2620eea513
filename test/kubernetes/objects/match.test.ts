import t from 'tap';

import {
  currentDeployments,
  observeObjects,
  podsOf,
  serviceOf,
} from '../../../src/kubernetes/objects/match-objects.ts';
import type { DeploymentRecord, PodRecord, ServiceRecord } from '../../../src/kubernetes/objects/records.ts';

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

t.test('Pods and Services of another incarnation do not count', (t) => {
  const now = deployment({ incarnation: 'new' });
  const pods = [pod({ uid: 'old', incarnation: 'old' }), pod({ uid: 'new', incarnation: 'new' }), pod({ uid: 'none' })];
  t.same(
    podsOf(now, { pods }).map(({ uid }) => uid),
    ['new'],
  );
  const services = [
    service({ uid: 'old', incarnation: 'old' }),
    service({ uid: 'new', incarnation: 'new' }),
    service(),
  ];
  t.equal(serviceOf(now, { services })?.uid, 'new');
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
    podsOf(legacy, { pods }).map(({ uid }) => uid),
    ['mine', 'made by hand'],
  );
  t.end();
});

t.test('a Service without an incarnation is its owner’s, or as young as the Deployment', (t) => {
  const legacy = deployment();
  t.notOk(serviceOf(legacy, { services: [service({ ownerUid: 'd-0' })] }));
  t.notOk(serviceOf(legacy, { services: [service({ createdAt: 999 })] }));
  t.ok(serviceOf(legacy, { services: [service({ ownerUid: 'd-1', createdAt: 999 })] }));
  t.ok(serviceOf(legacy, { services: [service()] }));
  t.end();
});

t.test('a Service that is being deleted is none', (t) => {
  t.notOk(serviceOf(deployment(), { services: [service({ deletedAt: 2000 })] }));
  t.end();
});

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
  const container = (name: string) => ({ name, restartCount: 0, state: {}, lastState: {} });
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
