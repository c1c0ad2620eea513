/** Objects as rows of a table: what kubectl asks for and prints. */
import type { Deployment, KubernetesObject, Pod, ReplicaSet, Service } from './objects.ts';
import type { Resource } from './resources.ts';
import type { StoredVersion } from './store.ts';
import type { FormatObject } from './watch-stream.ts';

interface Column {
  name: string;
  type: string;
  format: string;
  description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  priority: number;
  cell: (object: KubernetesObject) => string | number;
}

function column(name: string, cell: Column['cell'], priority = 0, type = 'string'): Column {
  return { name, type, format: name === 'Name' ? 'name' : '', description: name, priority, cell };
}

const name = column('Name', ({ metadata }) => metadata.name);
const age = column('Age', ({ metadata }) => durationSince(metadata.creationTimestamp));
const images = (spec: { containers: { image?: string; name: string }[] } | undefined): string =>
  spec?.containers.map((container) => container.image ?? '').join(',') ?? '';

const columnsByKind: Record<string, Column[]> = {
  Deployment: [
    name,
    column('Ready', (object) => {
      const { spec, status } = object as Deployment;
      return `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`;
    }),
    column('Up-to-date', (object) => (object as Deployment).status?.updatedReplicas ?? 0, 0, 'integer'),
    column('Available', (object) => (object as Deployment).status?.availableReplicas ?? 0, 0, 'integer'),
    age,
    column(
      'Containers',
      (object) => (object as Deployment).spec.template.spec?.containers.map((each) => each.name).join(',') ?? '',
      1,
    ),
    column('Images', (object) => images((object as Deployment).spec.template.spec), 1),
  ],
  ReplicaSet: [
    name,
    column('Desired', (object) => (object as ReplicaSet).spec.replicas ?? 0, 0, 'integer'),
    column('Current', (object) => (object as ReplicaSet).status?.replicas ?? 0, 0, 'integer'),
    column('Ready', (object) => (object as ReplicaSet).status?.readyReplicas ?? 0, 0, 'integer'),
    age,
    column('Images', (object) => images((object as ReplicaSet).spec.template?.spec), 1),
  ],
  Pod: [
    name,
    column('Ready', (object) => {
      const { spec, status } = object as Pod;
      return `${status?.containerStatuses?.filter((each) => each.ready).length ?? 0}/${spec.containers.length}`;
    }),
    column('Status', (object) => podStatus(object as Pod)),
    column('Restarts', (object) => String((object as Pod).status?.containerStatuses?.[0]?.restartCount ?? 0)),
    age,
    column('IP', (object) => (object as Pod).status?.podIP ?? '<none>', 1),
    column('Node', (object) => (object as Pod).spec.nodeName ?? '<none>', 1),
  ],
  Service: [
    name,
    column('Type', (object) => (object as Service).spec.type ?? ''),
    column('Cluster-IP', (object) => (object as Service).spec.clusterIP ?? '<none>'),
    column('External-IP', (object) => externalAddress(object as Service)),
    column('Port(s)', (object) => servicePorts(object as Service)),
    age,
  ],
  Namespace: [
    name,
    column('Status', (object) => (object['status'] as { phase?: string } | undefined)?.phase ?? ''),
    age,
  ],
  Event: [
    column('Last Seen', (object) =>
      durationSince(textOf(object['lastTimestamp']) || object.metadata.creationTimestamp),
    ),
    column('Type', (object) => textOf(object['type'])),
    column('Reason', (object) => textOf(object['reason'])),
    column('Object', (object) => {
      const { kind = '', name: involved = '' } = (object['involvedObject'] ?? {}) as { kind?: string; name?: string };
      return `${kind.toLowerCase()}/${involved}`;
    }),
    column('Message', (object) => textOf(object['message'])),
  ],
};

/** Whether the client prefers a table: kubectl names it first, and takes plain JSON from servers that have none. */
export function wantsTable(accept: string): boolean {
  return /^[^,]*;as=Table\b/.test(accept);
}

export function formatTable(
  resource: Resource,
  versions: readonly StoredVersion[],
  page: { resourceVersion?: string; continueToken?: string; remaining?: number } = {},
): string {
  const columns = columnsOf(resource);
  return JSON.stringify({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {
      resourceVersion: page.resourceVersion ?? versions[0]?.object.metadata.resourceVersion,
      ...(page.continueToken !== undefined && { continue: page.continueToken }),
      ...(page.remaining !== undefined && { remainingItemCount: page.remaining }),
    },
    columnDefinitions: columns.map(({ cell: _, ...definition }) => definition),
    rows: versions.map(({ object }) => ({
      cells: columns.map((each) => each.cell(object)),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  });
}

/** Only the first row of a watch says what the columns are. */
export function formatTableEvent(resource: Resource): FormatObject {
  let first = true;
  return (version) => {
    const table = JSON.parse(formatTable(resource, [version])) as { columnDefinitions: unknown };
    if (!first) table.columnDefinitions = null;
    first = false;
    return JSON.stringify(table);
  };
}

function columnsOf(resource: Resource): Column[] {
  return columnsByKind[resource.kind] ?? [name, age];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function podStatus({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const state = status?.containerStatuses?.[0]?.state;
  return state?.waiting?.reason ?? state?.terminated?.reason ?? status?.reason ?? status?.phase ?? '';
}

function externalAddress({ spec, status }: Service): string {
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0) return ingress.map((each) => each.ip ?? each.hostname ?? '').join(',');
  return spec.type === 'LoadBalancer' ? '<pending>' : '<none>';
}

function servicePorts({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol = 'TCP' }) =>
    nodePort === undefined ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`,
  );
  return ports.length > 0 ? ports.join(',') : '<none>';
}

function durationSince(time: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / 1000));
  if (Number.isNaN(seconds)) return '<unknown>';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
