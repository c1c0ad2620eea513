/** The Lease of an election, in the cluster. */
import { LeasePermissionError } from '../leadership/lease.ts';
import type { Lease, LeaseClient } from '../leadership/lease.ts';
import { alreadyExists, hasStatus, isAbsent, isConflict, isPermissionMissing } from './api/api-error.ts';
import type { KubernetesApiError } from './api/api-error.ts';
import { KubernetesClient } from './api/client.ts';
import { openConnection } from './api/connection.ts';
import type { Lease as LeaseObject } from './api/resources.ts';
import type { Metrics } from '../telemetry/telemetry.ts';

/** On the Lease: another value whenever a replica that was deposed may have sent events late. */
export const sentLateAnnotation = 'dcm.project/sent-late';

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
  const sentLate = metadata.annotations?.[sentLateAnnotation];
  return {
    record: {
      holder: spec.holderIdentity ?? '',
      durationSeconds: spec.leaseDurationSeconds ?? 15,
      acquireTime: spec.acquireTime ?? '',
      renewTime: spec.renewTime ?? '',
      transitions: spec.leaseTransitions ?? 0,
    },
    ...(sentLate !== undefined && { sentLate }),
    metadata: kept,
  };
}

function buildLease({ record, sentLate, metadata }: Lease): LeaseObject {
  const annotations = { ...(metadata['annotations'] as Record<string, string> | undefined) };
  if (sentLate !== undefined) annotations[sentLateAnnotation] = sentLate;
  const spec = {
    holderIdentity: record.holder,
    leaseDurationSeconds: record.durationSeconds,
    acquireTime: record.acquireTime,
    renewTime: record.renewTime,
    leaseTransitions: record.transitions,
  };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...metadata, annotations }, spec };
}
