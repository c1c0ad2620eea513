/**
 * Gives containers the Services that their ports ask for, where whoever wrote them died or was cut off before it did: after
 * the caches are filled, at each resync, and when something was left half-done.
 */
import { setImmediate } from 'node:timers/promises';
import type { Leadership } from '../../leadership/leadership.ts';
import { orAborted } from '../../time.ts';
import type { ClusterContext } from './cluster-context.ts';
import { KubernetesApiError, isKubernetesError } from '../api/api-error.ts';
import { currentDeployments } from '../objects/container.ts';
import type { DeploymentRecord } from '../objects/deployment.ts';
import { followPorts, isComplete } from './follow-ports.ts';
import { lookUpObjects } from './look-up.ts';
import { isPolicyRefusal, isRangeUsedUp, translateError } from '../translate-error.ts';

export class Repairer {
  readonly #context: ClusterContext;
  readonly #minAgeMs: number;
  readonly #leadership: Leadership;
  /** What creates here may have left half-done, and until when it is looked after, in milliseconds since the epoch. */
  readonly #own = new Map<string, number>();
  #unsubscribe: (() => void) | undefined;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The latest time for which a repair was asked, in milliseconds since the epoch. */
  #lastWantedAt = 0;

  /**
   * @param minAgeMs - a Deployment younger than this may still be in the making, in milliseconds
   * @param leadership - the leader repairs everything; who does not lead, only what it left half-done itself
   */
  constructor(context: ClusterContext, { minAgeMs, leadership }: { minAgeMs: number; leadership: Leadership }) {
    this.#context = context;
    this.#minAgeMs = minAgeMs;
    this.#leadership = leadership;
  }

  /** Repairs once the caches are filled, and whenever this replica becomes the leader. */
  start(): void {
    this.#unsubscribe = this.#leadership.onChange((leads) => {
      if (leads) void this.repair().catch(() => undefined);
    });
    void this.#context.caches.filled.then(() => this.repair()).catch(() => undefined);
  }

  /**
   * Repairs what can be repaired now, and what is too young yet when it is old enough. Callers at the same time share one
   * repair: the signal ends the wait for it, and throws its reason.
   */
  async repair(signal: AbortSignal = this.#stopping.signal): Promise<void> {
    this.#running ??= this.#repairAndPlan().finally(() => (this.#running = undefined));
    await orAborted(this.#running, signal);
  }

  /** Repairs once all Deployments that are there now, or on their way, are old enough; this one whoever leads. */
  repairSoon(containerId: string): void {
    this.#own.set(containerId, Date.now() + ownShare * this.#minAgeMs);
    this.#plan(Date.now() + this.#minAgeMs);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #repairAndPlan(): Promise<void> {
    // To memory that has no Services yet all of them are missing; once it is filled, a repair follows.
    if (!this.#context.caches.isFilled) return;
    const concerns = (containerId: string) => this.#leadership.leads || this.#own.has(containerId);
    const { signal } = this.#stopping;
    const { lookAgainAt } = await repairServices(this.#context, { minAgeMs: this.#minAgeMs, concerns }, signal);
    for (const [containerId, until] of this.#own) if (until < Date.now()) this.#own.delete(containerId);
    if (lookAgainAt !== undefined) this.#plan(lookAgainAt);
  }

  /** A timer that is set is not put off, however often a repair is asked for: once it is over, the latest time is planned. */
  #plan(at: number): void {
    this.#lastWantedAt = Math.max(this.#lastWantedAt, at);
    if (this.#stopping.signal.aborted || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#repairLate(), Math.max(0, at - Date.now()) + graceMs);
  }

  async #repairLate(): Promise<void> {
    this.#timer = undefined;
    await this.repair().catch(() => undefined);
    if (this.#lastWantedAt > Date.now()) this.#plan(this.#lastWantedAt);
  }
}

/** For how many such ages a half-done create is looked after: the cluster may be away when it is old enough. */
const ownShare = 20;

/** Creation times are whole seconds. */
const graceMs = 1_000;

/** How many containers are looked at before others have a turn. */
const containersPerTurn = 500;

/** What a repair left for later. */
interface RepairResult {
  /** When the youngest Deployment that lacks a Service is old enough, in milliseconds since the epoch; absent: all is well. */
  lookAgainAt?: number;
}

/**
 * Looks at every container that memory knows, and asks the cluster itself before it makes anything. Younger Deployments
 * are left alone: their creation may still be going on, here or in another replica.
 *
 * @param minAgeMs - longer than any create can last
 * @param concerns - whether a container is this replica's to repair, asked again right before each
 */
async function repairServices(
  context: ClusterContext,
  { minAgeMs, concerns }: { minAgeMs: number; concerns: (containerId: string) => boolean },
  signal: AbortSignal,
): Promise<RepairResult> {
  let lookAgainAt: number | undefined;
  for (const deployment of await incompleteDeployments(context)) {
    if (signal.aborted) break;
    if (!concerns(deployment.containerId)) continue;
    const oldEnoughAt = deployment.createdAt + minAgeMs;
    if (oldEnoughAt > Date.now()) {
      lookAgainAt = Math.max(lookAgainAt ?? 0, oldEnoughAt);
      continue;
    }
    try {
      await repairService(context, deployment, signal);
    } catch (error) {
      if (hasEnded(signal)) break;
      const { namespace, log } = context;
      const err = translateError(error, { namespace, log });
      log.warn({ err, containerId: deployment.containerId }, 'Services could not be made what the ports ask for');
      if (concernsAll(error)) break;
    }
  }
  return { ...(lookAgainAt !== undefined && { lookAgainAt }) };
}

/**
 * Whether the others will fail too: the cluster does not answer, or throttles. What it refuses to one it may give another;
 * webhooks refuse with any status.
 */
function concernsAll(error: unknown): boolean {
  if (!(error instanceof KubernetesApiError)) return isKubernetesError(error);
  return error.status === 429 || (error.status >= 500 && !isRangeUsedUp(error) && !isPolicyRefusal(error));
}

/**
 * Ours alone: of others it is not known what their ports are to be. The ids are those of the first turn; what became of
 * their objects by a later one is seen.
 */
async function incompleteDeployments({ caches: { index } }: ClusterContext): Promise<DeploymentRecord[]> {
  const incomplete: DeploymentRecord[] = [];
  for (const [position, id] of index.ids().entries()) {
    if (position > 0 && position % containersPerTurn === 0) await setImmediate();
    const objects = index.objects(id);
    const [deployment, ...others] = currentDeployments(objects);
    if (deployment && others.length === 0 && !isComplete(deployment, objects)) incomplete.push(deployment);
  }
  return incomplete;
}

/** Read anew, since it may have been aborted while something was waited for. */
function hasEnded({ aborted }: AbortSignal): boolean {
  return aborted;
}

async function repairService(
  context: ClusterContext,
  deployment: DeploymentRecord,
  signal: AbortSignal,
): Promise<void> {
  const { bounds, log } = context;
  const { containerId: id, uid } = deployment;
  const objects = await lookUpObjects(context, id, { signal, until: performance.now() + bounds.writeMs });
  const [current, ...others] = currentDeployments(objects);
  if (current?.uid !== uid || others.length > 0) return;
  if (isComplete(current, objects)) return;
  await followPorts(context, current, { until: performance.now() + bounds.writeMs });
  log.info({ containerId: id }, 'Services were made what the ports ask for');
}
