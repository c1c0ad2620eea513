/**
 * Finds the objects of one container: in memory, and in the cluster itself where memory does not know it or is too old. Reads
 * of ids that memory does not know share their calls.
 */
import { ConflictError, NotFoundError, UnavailableError } from '../../containers/errors.ts';
import type { CallLimits } from '../api/client.ts';
import type { Deployment, Pod } from '../api/resources.ts';
import type { ClusterContext } from './cluster-context.ts';
import { currentDeployments } from '../objects/container.ts';
import type { ContainerObjects } from '../objects/container.ts';
import { projectDeployment } from '../objects/deployment.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { anyContainer, instanceIdLabel, oneContainer, otherProvider } from '../objects/identity.ts';
import { momentOf } from '../../clock.ts';
import type { ObjectRecord } from '../objects/object.ts';
import { projectPod } from '../objects/pod.ts';
import type { PodRecord } from '../objects/pod.ts';
import { projectService } from '../objects/service.ts';
import { orAborted } from '../../time.ts';

/** What a look-up needs. */
export type LookUpContext = Pick<ClusterContext, 'api' | 'caches' | 'clock' | 'view'>;

export interface FoundDeployment extends DeploymentRecord {
  /** The name of the provider whose container it is; absent where it is ours. */
  otherProvider?: string;
}

/** One call: the Deployments that carry the id, of whichever provider, those that are being deleted too. */
export async function lookUpDeployments(
  access: LookUpContext,
  id: string,
  limits: CallLimits,
): Promise<FoundDeployment[]> {
  return await findDeployments(access, oneContainer(id), limits);
}

async function findDeployments({ api, view }: LookUpContext, labelSelector: string, limits: CallLimits) {
  const deployments = await api.listAll('deployments', labelSelector, limits);
  return deployments.flatMap((object): FoundDeployment[] => {
    const record = projectDeployment(object);
    const other = otherProvider(object.metadata?.annotations, view.providerNames);
    return record ? [{ ...record, ...(other !== undefined && { otherProvider: other }) }] : [];
  });
}

/**
 * One call: the Deployment that the id means, whole and as the caches keep it.
 *
 * @throws what `requireSingleDeployment` throws; errors of the Kubernetes API; the signal's reason
 */
export async function lookUpWhole(
  { api, view }: LookUpContext,
  id: string,
  limits: CallLimits,
): Promise<{ live: Deployment; record: DeploymentRecord }> {
  const objects = await api.listAll('deployments', oneContainer(id), limits);
  const ours = objects.filter(
    (object) => otherProvider(object.metadata?.annotations, view.providerNames) === undefined,
  );
  const deployments = ours.flatMap((object) => projectDeployment(object) ?? []);
  const record = requireSingleDeployment(id, { deployments });
  return { live: ours.find(({ metadata }) => metadata?.uid === record.uid)!, record };
}

/** Three calls, or one where we have no Deployment of the id. What this process has deleted meanwhile is left out. */
export async function lookUpObjects(access: LookUpContext, id: string, limits: CallLimits): Promise<ContainerObjects> {
  return (await lookUpAll(access, [id], limits)).get(id)!;
}

/** The same of several ids, with as many calls as for one. */
export async function lookUpAll(
  access: LookUpContext,
  ids: readonly string[],
  limits: CallLimits,
): Promise<Map<string, ContainerObjects>> {
  const { api, caches, clock } = access;
  const begunAt = clock.elapsed();
  const all = await findDeployments(access, anyContainer(ids), limits);
  const ours = all.filter((deployment) => deployment.otherProvider === undefined);
  const deployments = ours.filter(({ uid }) => !caches.isHiddenSince('deployments', uid, begunAt));
  const owners = [...new Set(currentDeployments({ deployments }).map(({ containerId }) => containerId))];
  const list = async <Kind extends 'services' | 'pods'>(kind: Kind) =>
    owners.length === 0 ? [] : await api.listAll(kind, anyContainer(owners), limits);
  const [services, pods] = await Promise.all([list('services'), list('pods')]);
  const moment = momentOf(clock);
  const byId = {
    deployments: groupById(deployments),
    services: groupById(services.map(projectService)),
    pods: groupById(pods.map((pod) => projectPod(pod, { moment, known: knownPod(pod) }))),
  };
  const objectsOf = (id: string): ContainerObjects => ({
    deployments: byId.deployments.get(id) ?? [],
    services: byId.services.get(id) ?? [],
    pods: byId.pods.get(id) ?? [],
  });
  return new Map(ids.map((id) => [id, objectsOf(id)]));

  function knownPod({ metadata = {} }: Pod): PodRecord | undefined {
    const id = metadata.labels?.[instanceIdLabel] ?? '';
    return caches.index.objects(id).pods.find(({ uid }) => uid === metadata.uid);
  }
}

function groupById<Record extends ObjectRecord>(records: readonly (Record | undefined)[]): Map<string, Record[]> {
  const known = records.filter((record) => record !== undefined);
  return Map.groupBy(known, ({ containerId }) => containerId);
}

/** The objects of the id as memory has them; absent where memory is too old, or knows no container of this id. */
export function cachedObjects({ caches }: Pick<LookUpContext, 'caches'>, id: string): ContainerObjects | undefined {
  if (!caches.isLive) return undefined;
  const objects = caches.index.objects(id);
  return currentDeployments(objects).length > 0 ? objects : undefined;
}

/**
 * The Deployment that the id means.
 *
 * @throws NotFoundError; ConflictError when two carry the id
 */
export function requireSingleDeployment(id: string, objects: Pick<ContainerObjects, 'deployments'>): DeploymentRecord {
  const [deployment, ...others] = currentDeployments(objects);
  if (deployment === undefined) throw new NotFoundError(`There is no container ${id}.`);
  if (others.length > 0) throw new ConflictError(`More than one Deployment carries the id ${id}.`);
  return deployment;
}

/** Characters of ids in one call: they go into its URL, of which some proxies take 8 KiB. */
const maxIdCharacters = 6_000;
const encodedCommaLength = 3;
/** Ids that wait; more than that at once are too many. */
const maxWaitingIds = 20_000;
/** How long one look may take, in milliseconds: those who came after it began wait for it too. */
const lookMs = 5_000;

/** An id that is asked for. */
interface Place extends PromiseWithResolvers<ContainerObjects> {
  /** Those who wait for it. */
  waiters: number;
  /** Absent before it is looked up. */
  look?: Look;
}

interface Look {
  /** Ids that somebody still waits for. */
  wanted: number;
  /** Ends it. */
  abandoned: AbortController;
}

/**
 * Looks ids up for all who read what memory does not know: at most one look at a time, which those share who wait for it. So
 * no number of such reads takes connections from writes, or makes the API server slow.
 */
export class SharedLookUp {
  readonly #access: LookUpContext;
  /** In the order of arrival. */
  readonly #waiting = new Map<string, Place>();
  #isLooking = false;

  constructor(access: LookUpContext) {
    this.#access = access;
  }

  /**
   * What the cluster has of the id, by a look that begins later than this call.
   *
   * @throws UnavailableError where too many ids wait; errors of the Kubernetes API, which all get who wait at that time; the
   *   signal's reason
   */
  async objects(id: string, signal: AbortSignal): Promise<ContainerObjects> {
    let place = this.#waiting.get(id);
    if (place === undefined) {
      if (this.#waiting.size >= maxWaitingIds) {
        throw new UnavailableError('Too many reads wait for the cluster.');
      }
      place = { ...Promise.withResolvers<ContainerObjects>(), waiters: 0 };
      this.#waiting.set(id, place);
      void this.#lookWhileAnyWaits();
    }
    place.waiters++;
    try {
      return await orAborted(place.promise, signal);
    } finally {
      if (--place.waiters === 0) this.#leave(id, place);
    }
  }

  /** A look that nobody waits for any more ends: the next one is not to wait for it. */
  #leave(id: string, { look }: Place): void {
    if (look === undefined) this.#waiting.delete(id);
    else if (--look.wanted === 0) look.abandoned.abort();
  }

  async #lookWhileAnyWaits(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#waiting.size > 0) {
      const places = this.#next();
      const look: Look = { wanted: places.size, abandoned: new AbortController() };
      for (const place of places.values()) place.look = look;
      const { signal } = look.abandoned;
      try {
        const found = await lookUpAll(this.#access, [...places.keys()], { signal, until: performance.now() + lookMs });
        for (const [id, { resolve }] of places) resolve(found.get(id)!);
      } catch (error) {
        if (signal.aborted) continue;
        for (const { reject } of [...places.values(), ...this.#waiting.values()]) reject(error);
        this.#waiting.clear();
      }
    }
    this.#isLooking = false;
  }

  /** Those who are next. */
  #next(): Map<string, Place> {
    const places = new Map<string, Place>();
    let characters = 0;
    for (const [id, place] of this.#waiting) {
      characters += encodedCommaLength + id.length;
      if (characters > maxIdCharacters) break;
      places.set(id, place);
      this.#waiting.delete(id);
    }
    return places;
  }
}
