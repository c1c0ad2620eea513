/** The Lease of an election, in the cluster. */
import { LeasePermissionError } from '../leadership/election.ts';
import type { Lease, LeaseClient } from '../leadership/election.ts';
import { alreadyExists, hasStatus, isAbsent, isConflict, isPermissionMissing } from './api/api-error.ts';
import type { KubernetesApiError } from './api/api-error.ts';
import { KubernetesClient } from './api/client.ts';
import { openConnection } from './api/connection.ts';
import type { Lease as LeaseObject } from './api/resources.ts';
import type { VersionRange } from '../containers/resource-version.ts';
import type { Metrics } from '../telemetry/telemetry.ts';

/** On the Lease: another value whenever a replica that was deposed may have sent events late. */
export const sentLateAnnotation = 'dcm.project/sent-late';
/** On the Lease: from which resourceVersion to which the holder's watch has told nothing, as `<after>-<to>`. */
export const missedAnnotation = 'dcm.project/missed';
/** On the Lease: JSON of the uids of Deployments that ended within that, by container id. */
export const endedAnnotation = 'dcm.project/ended';
/** On the Lease: `true` where the holder has not known for long what happens in the cluster. */
export const blindAnnotation = 'dcm.project/blind';
/** On the Lease: a replica that knows what happens, while the holder does not. */
export const seerAnnotation = 'dcm.project/seer';

export interface LeaseClientOptions {
  /** Path of a kubeconfig file; absent: the service account of the Pod that this process runs in. */
  kubeconfig?: string;
  namespace: string;
  name: string;
  /** Told of each call; absent: nothing is counted. */
  metrics?: Metrics;
  /** Called with each answer of the API server. */
  onAnswer?: () => void;
}

/**
 * Calls nothing yet. Its connections are its own, so that no burst of other calls delays a renewal.
 *
 * @throws Error that says what is wrong with the kubeconfig
 */
export function connectLease({ kubeconfig, namespace, name, metrics, onAnswer }: LeaseClientOptions): LeaseClient {
  const connection = openConnection(kubeconfig);
  const api = new KubernetesClient(connection, namespace, metrics, onAnswer);
  const attempt = async (call: () => Promise<LeaseObject>, late: (error: unknown) => boolean) => {
    try {
      return readLease(await call());
    } catch (error) {
      if (late(error)) return undefined;
      if (hasStatus(error, 403) && isPermissionMissing(error)) throw permissionError(error, namespace);
      throw error;
    }
  };
  return {
    close: () => connection.close(),
    get: (signal) =>
      attempt(
        () => api.get('leases', name, { signal }),
        (error) => isAbsent(error, { resource: 'leases', name }),
      ),
    create: (lease, signal) =>
      attempt(() => api.create('leases', buildLease({ ...lease, metadata: { name } }), { signal }), alreadyExists),
    update: (lease, signal) =>
      attempt(
        () => api.update('leases', buildLease(lease), { signal }),
        (error) => isConflict(error) || isAbsent(error, { resource: 'leases', name }),
      ),
  };
}

function permissionError(error: KubernetesApiError, namespace: string): LeasePermissionError {
  return new LeasePermissionError(error.call.verb, namespace, { cause: error });
}

/** What is missing is taken for what makes others wait longest, but not forever. */
function readLease({ metadata = {}, spec = {} }: LeaseObject): Lease {
  const { managedFields: _, ...kept } = metadata;
  const { annotations = {} } = metadata;
  const sentLate = annotations[sentLateAnnotation];
  const seer = annotations[seerAnnotation];
  const missed = parseRange(annotations[missedAnnotation]);
  const ended = parseEnded(annotations[endedAnnotation]);
  return {
    record: {
      holder: spec.holderIdentity ?? '',
      durationSeconds: spec.leaseDurationSeconds ?? 15,
      acquireTime: spec.acquireTime ?? '',
      renewTime: spec.renewTime ?? '',
      transitions: spec.leaseTransitions ?? 0,
    },
    ...(sentLate !== undefined && { sentLate }),
    ...(missed && { missed }),
    ...(ended && { ended }),
    ...(annotations[blindAnnotation] === 'true' && { isBlind: true }),
    ...(seer !== undefined && { seer }),
    metadata: kept,
  };
}

/** What is no range counts as none, as everywhere that somebody else may have written. */
function parseRange(text = ''): VersionRange | undefined {
  const { after, to } = /^(?<after>\d+)-(?<to>\d+)$/.exec(text)?.groups ?? {};
  return after !== undefined && to !== undefined ? { after, to } : undefined;
}

function parseEnded(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  try {
    const entries = Object.entries(JSON.parse(text) as object).filter(([, uid]) => typeof uid === 'string');
    return Object.fromEntries(entries);
  } catch {
    return undefined;
  }
}

function buildLease({ record, sentLate, missed, ended, isBlind, seer, metadata }: Lease): LeaseObject {
  const ours: Record<string, string | undefined> = {
    [sentLateAnnotation]: sentLate,
    [missedAnnotation]: missed && `${missed.after}-${missed.to}`,
    [endedAnnotation]: ended && JSON.stringify(ended),
    [blindAnnotation]: isBlind && 'true',
    [seerAnnotation]: seer,
  };
  const before = Object.entries((metadata['annotations'] as Record<string, string> | undefined) ?? {});
  const written = Object.entries(ours).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const annotations = Object.fromEntries([...before.filter(([key]) => !(key in ours)), ...written]);
  const spec = {
    holderIdentity: record.holder,
    leaseDurationSeconds: record.durationSeconds,
    acquireTime: record.acquireTime,
    renewTime: record.renewTime,
    leaseTransitions: record.transitions,
  };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...metadata, annotations }, spec };
}
