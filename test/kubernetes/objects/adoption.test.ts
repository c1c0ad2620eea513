import { momentOf, systemClock } from '../../../src/clock.ts';
import t from 'tap';

import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import { projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { projectService } from '../../../src/kubernetes/objects/service.ts';
import type { Deployment, Service } from '../../../src/kubernetes/api/resources.ts';

const labels = {
  'dcm.project/managed-by': 'dcm',
  'dcm.project/dcm-instance-id': 'old',
  'dcm.project/dcm-service-type': 'container',
};
const identity = { namespace: 'containers', resourceVersion: '5', creationTimestamp: '2026-01-21T10:00:00Z' };

type PodContainer = NonNullable<NonNullable<Deployment['spec']>['template']['spec']>['containers'][number];

function deployment(container: Partial<PodContainer>, metadata: Deployment['metadata'] = {}): Deployment {
  const name = 'legacy-x7k2p';
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'web:1', ...container }] } };
  return {
    metadata: {
      ...identity,
      uid: 'd-1',
      name,
      generateName: 'legacy-',
      labels: { ...labels, tier: 'front' },
      ...metadata,
    },
    spec: { selector: { matchLabels: labels }, template },
  };
}

function service(type: string, ...ports: [port: number, targetPort: number | string][]): Service {
  return {
    metadata: { ...identity, uid: 's-1', name: 'legacy-svc', labels },
    spec: { type, clusterIP: '10.0.0.1', ports: ports.map(([port, targetPort]) => ({ port, targetPort })) },
  };
}

function read(object: Deployment, reachedBy?: Service) {
  const services = reachedBy ? [projectService(reachedBy)!] : [];
  const objects = { deployments: [projectDeployment(object)!], services, pods: [] };
  return viewObjects(objects, { namespace: 'containers', moment: momentOf(systemClock) })!.container;
}

t.test('a container of the reference provider is rebuilt from its Deployment and Service', (t) => {
  const object = deployment({
    command: ['serve'],
    args: ['-v'],
    env: [
      { name: 'MODE', value: 'fast' },
      { name: 'EMPTY' },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    ports: [{ containerPort: 8080 }, { containerPort: 9090 }],
    resources: { requests: { cpu: '1', memory: '512Mi' }, limits: { cpu: '2', memory: '1Gi' } },
  });
  t.same(read(object, service('NodePort', [8080, 8080])), {
    id: 'old',
    path: 'containers/old',
    status: 'PENDING',
    status_message: 'Waiting for a Pod.',
    reconciling: true,
    create_time: '2026-01-21T10:00:00.000Z',
    update_time: '2026-01-21T10:00:00.000Z',
    service: {
      name: 'legacy-svc',
      cluster_ip: '10.0.0.1',
      type: 'NodePort',
      ports: [{ port: 8080, target_port: 8080, protocol: 'TCP' }],
    },
    spec: {
      service_type: 'container',
      metadata: { name: 'legacy', namespace: 'containers', labels: { tier: 'front' } },
      image: { reference: 'web:1' },
      resources: { cpu: { min: 1, max: 2 }, memory: { min: '512MB', max: '1GB' } },
      process: {
        command: ['serve'],
        args: ['-v'],
        env: [
          { name: 'MODE', value: 'fast' },
          { name: 'EMPTY', value: '' },
        ],
      },
      network: {
        ports: [
          { container_port: 8080, visibility: 'external' },
          { container_port: 9090, visibility: 'none' },
        ],
      },
    },
  });
  t.end();
});

t.test('ports behind a ClusterIP are internal, by the port of the container', (t) => {
  const object = deployment({ ports: [{ containerPort: 8080 }] });
  t.match(read(object, service('ClusterIP', [80, 8080])), {
    spec: { network: { ports: [{ container_port: 8080, visibility: 'internal' }] } },
    service: { ports: [{ port: 80, target_port: 8080 }] },
  });
  t.end();
});

t.test('amounts are those that the contract can say, rounded up', (t) => {
  const cases: [quantities: [string, string], expected: [number | string, string]][] = [
    [
      ['500m', '1500Mi'],
      ['500m', '1500MB'],
    ],
    [
      ['1500m', '1G'],
      ['1500m', '954MB'],
    ],
    [
      ['3', '1Ti'],
      [3, '1TB'],
    ],
    [
      ['nonsense', 'nonsense'],
      [1, '1MB'],
    ],
  ];
  for (const [[cpu, memory], [cores, size]] of cases) {
    const { resources } = read(deployment({ resources: { requests: { cpu, memory } } })).spec;
    t.same(resources, { cpu: { min: cores, max: cores }, memory: { min: size, max: size } }, `${cpu} ${memory}`);
  }
  t.same(read(deployment({})).spec.resources, { cpu: { min: 1, max: 1 }, memory: { min: '1MB', max: '1MB' } });
  t.end();
});

t.test('without a generated name the container in the Pod says what it is called', (t) => {
  const { generateName: _generateName, ...named } = deployment({}).metadata!;
  const object = { ...deployment({}), metadata: named };
  t.equal(read(object).spec.metadata.name, 'app');
  t.end();
});
