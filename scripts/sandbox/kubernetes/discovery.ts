/** What clients ask to find out what the server has: versions, groups, resources. */
import { allResources, type Resource } from './resources.ts';

export const gitVersion = 'v1.36.0+sandbox';

const methods = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

function resourceList(group: string, version: string): unknown {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: allResources.filter((resource) => resource.group === group).flatMap(describe),
  };
}

function describe(resource: Resource): unknown[] {
  const { plural: name, singular: singularName, namespaced, kind, shortNames, categories, subresources } = resource;
  return [
    { name, singularName, namespaced, kind, verbs: methods, shortNames, categories },
    ...subresources.map((subresource) => {
      const scale = subresource === 'scale' ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : { kind };
      return {
        name: `${name}/${subresource}`,
        singularName: '',
        namespaced,
        ...scale,
        verbs: subresource === 'log' ? ['get'] : ['get', 'patch', 'update'],
      };
    }),
  ];
}

const groups = [...new Set(allResources.map(({ group }) => group))].filter((group) => group !== '').map(describeGroup);

function describeGroup(name: string) {
  const version = { groupVersion: `${name}/v1`, version: 'v1' };
  return { name, versions: [version], preferredVersion: version };
}

/** Answers by path. */
const documents = new Map<string, (serverAddress: string) => unknown>([
  [
    '/version',
    () => ({
      major: '1',
      minor: '36',
      gitVersion,
      gitCommit: '',
      gitTreeState: 'clean',
      buildDate: '2026-01-01T00:00:00Z',
      goVersion: '',
      compiler: 'node',
      platform: `${process.platform}/${process.arch}`,
    }),
  ],
  [
    '/api',
    (serverAddress) => ({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
    }),
  ],
  ['/apis', () => ({ kind: 'APIGroupList', apiVersion: 'v1', groups })],
  ['/api/v1', () => resourceList('', 'v1')],
  ...groups.flatMap((group): [string, () => unknown][] => [
    [`/apis/${group.name}`, () => ({ kind: 'APIGroup', apiVersion: 'v1', ...group })],
    [`/apis/${group.name}/v1`, () => resourceList(group.name, 'v1')],
  ]),
  [
    '/',
    () => ({
      paths: [
        ...['/api', '/api/v1', '/apis'],
        ...groups.flatMap(({ name }) => [`/apis/${name}`, `/apis/${name}/v1`]),
        ...['/healthz', '/livez', '/readyz', '/version'],
      ],
    }),
  ],
]);

export function discoveryDocument(path: string, serverAddress: string): unknown {
  return documents.get(path.length > 1 ? path.replace(/\/$/, '') : path)?.(serverAddress);
}

/** Paths that answer with the bare word `ok`. */
export const healthPaths: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz']);
