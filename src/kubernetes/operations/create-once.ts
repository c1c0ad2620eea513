/** Creates a container for a request with an idempotency key, or finds the one that an earlier try has made. */
import type { Container, ContainerSpec } from '../../containers/container.ts';
import { ConflictError, KeyReusedError, TakenElsewhereError, UnavailableError } from '../../containers/errors.ts';
import { idempotencyRecord, matchIdempotency } from '../../containers/idempotency.ts';
import type { IdempotencyRecord } from '../../containers/idempotency.ts';
import { sleep } from '../../time.ts';
import { currentDeployments } from '../objects/container.ts';
import type { ContainerObjects } from '../objects/container.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import type { ClusterContext } from './cluster-context.ts';
import { longestCreateMs } from './cluster-context.ts';
import type { createContainer } from './create-container.ts';
import { refuseTakenId } from './create-container.ts';
import { lookUpObjects } from './look-up.ts';
import { isNewer } from '../../containers/resource-version.ts';
import { followPorts, isComplete } from './follow-ports.ts';

export interface KeyedRequest {
  id: string;
  spec: ContainerSpec;
  key: string;
}

export interface KeyedResult {
  container: Container;
  /** An earlier request with this key has made it. */
  replayed: boolean;
}

/** How often a container is made anew that went while it was looked at. */
const maxAttempts = 5;
/** Between looks at a container that another request is making, in milliseconds. */
const firstLookMs = 50;
const maxLookMs = 1_000;

/**
 * The names of the API server decide who makes it, and what the Deployment carries tells whose it is: so it holds over any
 * number of replicas and restarts.
 *
 * @param create - makes the container; whoever asked may leave meanwhile
 * @throws KeyReusedError; ConflictError where the id has a container that was made without this key; UnavailableError;
 *   errors of the Kubernetes API; the signal's reason
 */
export async function createOnce(
  context: ClusterContext,
  { id, spec, key }: KeyedRequest,
  { signal, create }: { signal: AbortSignal; create: typeof createContainer },
): Promise<KeyedResult> {
  const idempotency = idempotencyRecord(key, id, spec);
  for (let attempt = 1; ; attempt++) {
    try {
      await refuseTakenId(context, id, signal);
      signal.throwIfAborted();
      return { container: await create(context, { id, spec, idempotency }), replayed: false };
    } catch (error) {
      if (!(error instanceof ConflictError) || error instanceof TakenElsewhereError) throw error;
      const container = await findMade(context, { id, idempotency, conflict: error }, signal);
      if (container !== undefined) return { container, replayed: true };
      if (attempt === maxAttempts) throw error;
    }
  }
}

/**
 * The container that has the id, once it is complete: one that is too young to have been given up is waited for, an older
 * one is completed. Absent where it has gone, as when it was rolled back.
 */
async function findMade(
  context: ClusterContext,
  { id, idempotency, conflict }: { id: string; idempotency: IdempotencyRecord; conflict: ConflictError },
  signal: AbortSignal,
): Promise<Container | undefined> {
  for (let lookMs = firstLookMs; ; lookMs = Math.min(lookMs * 2, maxLookMs)) {
    const objects = await lookUpObjects(context, id, { signal });
    const deployment = requireOwn(id, objects, { idempotency, conflict });
    if (deployment === undefined) return undefined;
    if (isComplete(deployment, objects)) {
      remember(context, deployment, objects);
      return context.caches.index.containerOf(id, objects)!;
    }
    const { bounds } = context;
    if (Date.now() - deployment.createdAt > longestCreateMs(bounds)) {
      await followPorts(context, deployment, { until: performance.now() + bounds.writeMs });
    } else await sleep(lookMs, signal);
  }
}

/** Lists show it from now on, and nothing that had the id before: the watches may not have told of either yet. */
function remember({ caches }: ClusterContext, deployment: DeploymentRecord, found: ContainerObjects): void {
  for (const known of caches.index.objects(deployment.containerId).deployments) {
    const isFound = found.deployments.some(({ uid }) => uid === known.uid);
    if (!isFound && isNewer(deployment.resourceVersion, known.resourceVersion))
      caches.hide('deployments', known.uid, known);
  }
  for (const service of found.services) caches.write('services', service);
  for (const pod of found.pods) caches.write('pods', pod);
  caches.write('deployments', deployment);
}

/** The Deployment that the key has made; absent where nothing has the id any more. */
function requireOwn(
  id: string,
  objects: ContainerObjects,
  { idempotency, conflict }: { idempotency: IdempotencyRecord; conflict: ConflictError },
): DeploymentRecord | undefined {
  const [deployment, ...others] = currentDeployments(objects);
  if (deployment === undefined) {
    if (objects.deployments.length === 0) return undefined;
    throw new UnavailableError(`The former container ${id} is still being removed.`);
  }
  const match = others.length > 0 ? 'other-key' : matchIdempotency(deployment.idempotency, idempotency);
  if (match === 'other-key') throw conflict;
  if (match === 'other-request') {
    throw new KeyReusedError(`The Idempotency-Key was used for another request, which made the container ${id}.`);
  }
  return deployment;
}
