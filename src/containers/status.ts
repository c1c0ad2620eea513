/** The status of a container: ordered rules over its Deployment and Pods, the same for reads and for events. */
import { isBackingOff, recoveredAt } from './back-off.ts';
import type { ContainerStatus } from './container.ts';
import type {
  ObservedCondition,
  ObservedContainer,
  ObservedContainerObjects,
  ObservedContainerState,
  ObservedDeployment,
  ObservedPod,
} from './observed.ts';

/** Restarts of a container before its crash loop is `FAILED`, where nothing else is wanted. */
export const defaultCrashTolerance = 1;

/** Longest message, in UTF-16 units: conditions carry whatever an admission webhook wrote. */
const maxMessageLength = 1024;

export interface StatusReport {
  status: ContainerStatus;
  /** A sentence without times and counters: it changes only when the state does. */
  message: string;
  /** When the state last changed, in milliseconds since the epoch; absent once the Deployment is gone. */
  changedAt?: number;
  /**
   * When the same objects will give another status, in milliseconds of the process's monotonic clock; absent where time
   * alone changes nothing.
   */
  lookAgainAt?: number;
}

type Verdict = Pick<StatusReport, 'status' | 'message' | 'lookAgainAt'>;
type PodRule = (pod: ObservedPod, moment: Moment) => Verdict | undefined;
/** What the status depends on beside the objects. */
interface Moment {
  /** Milliseconds of the process's monotonic clock (`performance.now()`). */
  now: number;
  crashTolerance: number;
}

type DeploymentRule = (deployment: ObservedDeployment) => Verdict | undefined;

/** The first rule that holds gives the status of a Pod; a Pod for which none holds (`Succeeded`) does not count. */
const podRules: readonly PodRule[] = [phaseUnknown, nodeLost, podFailed, crashLooping, running, pending];

/** What holds while no Pod counts. */
const deploymentRules: readonly DeploymentRule[] = [podsRefused, scaledToZero];

const waitingForPod: Verdict = { status: 'PENDING', message: 'Waiting for a Pod.' };

/**
 * The status of a container. Total: every combination of objects has one.
 *
 * @param objects - a Deployment with the Pods of its own incarnation alone
 * @param now - milliseconds of the process's monotonic clock (`performance.now()`)
 * @param crashTolerance - restarts of the container before its crash loop is `FAILED`; `PENDING` below that
 */
export function containerStatus(
  objects: ObservedContainerObjects,
  now: number,
  crashTolerance = defaultCrashTolerance,
): StatusReport {
  const moment = { now, crashTolerance };
  const { deployment, pods } = objects;
  if (deployment === undefined || deployment.deletedAt !== undefined) return deleted(deployment);
  const counting = countingPods(pods);
  const pod = decidingAmong(counting, now);
  const verdict =
    (pod && podVerdict(pod, moment)) ?? firstVerdict(deploymentRules, (rule) => rule(deployment)) ?? waitingForPod;
  const lookAgainAt = nextLook(counting, moment);
  return {
    ...verdict,
    message: shortened(verdict.message),
    changedAt: newestTransition((pod ?? deployment).conditions, deployment.createdAt),
    ...(lookAgainAt !== undefined && { lookAgainAt }),
  };
}

/**
 * The Pod whose state is the container's; absent where none counts. `Succeeded` Pods never count, `Failed` ones not once
 * a newer Pod is there, and Pods that are being deleted only while there is no other. Of the rest the newest decides
 * among those that run, or among all where none does.
 */
export function decidingPod(pods: readonly ObservedPod[], now: number): ObservedPod | undefined {
  return decidingAmong(countingPods(pods), now);
}

function decidingAmong(counting: readonly ObservedPod[], now: number): ObservedPod | undefined {
  const moment = { now, crashTolerance: defaultCrashTolerance };
  return counting.find((pod) => podVerdict(pod, moment)?.status === 'RUNNING') ?? counting[0];
}

/** When time alone will change what a Pod that counts says: also of one that does not decide now, and then may. */
function nextLook(counting: readonly ObservedPod[], moment: Moment): number | undefined {
  let next: number | undefined;
  for (const pod of counting) {
    const lookAgainAt = podVerdict(pod, moment)?.lookAgainAt;
    if (lookAgainAt !== undefined && (next === undefined || lookAgainAt < next)) next = lookAgainAt;
  }
  return next;
}

/** Newest first. */
function countingPods(pods: readonly ObservedPod[]): ObservedPod[] {
  const newestFirst = pods.filter(({ phase }) => phase !== 'Succeeded').sort(byAge);
  const current = newestFirst.filter((pod, index) => index === 0 || pod.phase !== 'Failed');
  const staying = current.filter(({ deletedAt }) => deletedAt === undefined);
  return staying.length > 0 ? staying : current;
}

/** Newest first; by name where the times are equal, so that the order in which Pods are listed changes nothing. */
function byAge(a: ObservedPod, b: ObservedPod): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.name < b.name ? -1 : 1;
}

function podVerdict(pod: ObservedPod, moment: Moment): Verdict | undefined {
  return firstVerdict(podRules, (rule) => rule(pod, moment));
}

function firstVerdict<Rule>(rules: readonly Rule[], apply: (rule: Rule) => Verdict | undefined): Verdict | undefined {
  for (const rule of rules) {
    const verdict = apply(rule);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

function deleted(deployment: ObservedDeployment | undefined): StatusReport {
  return {
    status: 'DELETED',
    message: 'Container was deleted.',
    ...(deployment?.deletedAt !== undefined && { changedAt: Math.max(deployment.deletedAt, deployment.createdAt) }),
  };
}

function phaseUnknown(pod: ObservedPod): Verdict | undefined {
  if (pod.phase !== 'Unknown') return undefined;
  return { status: 'UNKNOWN', message: `State of the Pod is unknown${inBrackets(pod.reason)}.` };
}

/**
 * Kubernetes marks the Pods of a node that no longer reports as not ready, and leaves what the kubelet said last. A
 * readiness gate has the same effect without any loss.
 */
function nodeLost(pod: ObservedPod): Verdict | undefined {
  const lost =
    pod.phase === 'Running' &&
    !pod.hasReadinessGates &&
    hasCondition(pod.conditions, 'Ready', 'False') &&
    hasCondition(pod.conditions, 'ContainersReady', 'True');
  if (!lost) return undefined;
  return { status: 'UNKNOWN', message: `Node${pod.nodeName ? ` ${pod.nodeName}` : ''} does not report.` };
}

function podFailed(pod: ObservedPod): Verdict | undefined {
  if (pod.phase !== 'Failed') return undefined;
  const exit = pod.container?.state.terminated;
  const causes = [pod.reason, exit && exitOf(exit)].filter((cause) => cause);
  return { status: 'FAILED', message: causes.length > 0 ? `Pod failed: ${causes.join(', ')}.` : 'Pod failed.' };
}

/**
 * A container that ends again and again is up for a moment each time; that moment is no recovery. One that now waits for
 * something else, such as its image, is not crashing any more.
 */
function crashLooping({ container }: ObservedPod, { now, crashTolerance }: Moment): Verdict | undefined {
  if (container === undefined) return undefined;
  const { state, lastState, backOff, restartCount } = container;
  const status = restartCount >= crashTolerance ? 'FAILED' : 'PENDING';
  if (isBackingOff(container)) return { status, message: crashLoop(lastState.terminated) };
  if (backOff === undefined) return undefined;
  if (state.terminated) return { status, message: crashLoop(state.terminated) };
  const upAt = recoveredAt(container);
  if (upAt === undefined || upAt <= now) return undefined;
  return { status, message: crashLoop(lastState.terminated), lookAgainAt: upAt };
}

/**
 * Our own container decides: while a sidecar waits for its image, Kubernetes keeps the Pod in phase `Pending`, although
 * ours runs. Where the kubelet reports no container, the phase tells.
 */
function running({ phase, container }: ObservedPod): Verdict | undefined {
  if (phase !== 'Running' && phase !== 'Pending') return undefined;
  const isUp = container ? container.state.running === true && container.isReady : phase === 'Running';
  return isUp ? { status: 'RUNNING', message: 'Container is running.' } : undefined;
}

function pending(pod: ObservedPod): Verdict | undefined {
  const { phase, container } = pod;
  if (phase !== 'Running' && phase !== 'Pending') return undefined;
  const message = unscheduled(pod) ?? held(container) ?? blockedInit(pod) ?? waiting(pod) ?? 'Pod is pending.';
  return { status: 'PENDING', message };
}

function podsRefused(deployment: ObservedDeployment): Verdict | undefined {
  const condition = deployment.conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (condition === undefined) return undefined;
  const cause = condition.message ? refusal(condition.message, deployment.name) : condition.reason;
  return { status: 'FAILED', message: cause ? `Pods cannot be created: ${cause}` : 'Pods cannot be created.' };
}

function scaledToZero({ replicas }: ObservedDeployment): Verdict | undefined {
  return replicas === 0 ? { status: 'FAILED', message: 'Deployment is scaled to zero.' } : undefined;
}

/** The same words in back-off, on the crash and just after it, so that a crash loop is one state. */
function crashLoop(exit: ObservedContainerState['terminated']): string {
  const loop = exit?.exitCode === 0 ? 'Container keeps exiting' : 'Container is crash-looping';
  return exit ? `${loop}: ${exitOf(exit)}.` : `${loop}.`;
}

function crashed({ terminated }: ObservedContainerState): boolean {
  return terminated !== undefined && terminated.exitCode !== 0;
}

function exitOf({ reason, exitCode }: NonNullable<ObservedContainerState['terminated']>): string {
  return reason ? `${reason} (exit code ${exitCode})` : `exit code ${exitCode}`;
}

function unscheduled({ conditions }: ObservedPod): string | undefined {
  const condition = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (condition === undefined) return undefined;
  const causes = schedulingCauses(condition.message);
  return `Pod cannot be scheduled${inBrackets(condition.reason)}${causes ? `: ${causes}` : ''}.`;
}

/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: …` without its numbers, which
 * change with every node that comes or goes.
 */
function schedulingCauses(message: string | undefined): string | undefined {
  const list = message && /^\d+\/\d+ nodes are available: (.*?)(?:\. .*|\.)?$/s.exec(message)?.[1];
  if (!list) return undefined;
  const causes = list.split(', ').map((cause) => cause.replace(/^\d+ (node\(s\) )?/, ''));
  return [...new Set(causes)].sort().join(', ');
}

/** Reasons that every container passes through on its way up. */
const ordinaryReasons: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

/** A failed pull and the wait for the next one take turns: one state. */
const pullReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);

/** What keeps our own container from running, or from being ready. */
function held(container: ObservedContainer | undefined): string | undefined {
  if (container === undefined) return undefined;
  const { state, isReady } = container;
  if (state.terminated) return `Container is restarting after ${exitOf(state.terminated)}.`;
  if (state.running) return isReady ? undefined : 'Container is not ready.';
  return blocked(state);
}

function blocked({ waiting }: ObservedContainerState): string | undefined {
  const reason = waiting?.reason;
  if (reason === undefined || ordinaryReasons.has(reason)) return undefined;
  if (pullReasons.has(reason)) return 'Image cannot be pulled (ImagePullBackOff).';
  return `Container is waiting: ${reason}.`;
}

function blockedInit({ initContainers }: ObservedPod): string | undefined {
  for (const { name, state, lastState } of initContainers) {
    const exit = crashed(state) ? state.terminated : crashed(lastState) ? lastState.terminated : undefined;
    if (exit !== undefined) return `Init container ${name} fails: ${exitOf(exit)}.`;
    const reason = state.waiting?.reason;
    if (reason === undefined || ordinaryReasons.has(reason)) continue;
    if (pullReasons.has(reason)) return `Image of init container ${name} cannot be pulled (ImagePullBackOff).`;
    return `Init container ${name} is waiting: ${reason}.`;
  }
  return undefined;
}

/** A container without any state waits, by the API's own words. */
function waiting({ phase, container }: ObservedPod): string | undefined {
  const reason = container?.state.waiting?.reason;
  if (reason) return `Container is waiting: ${reason}.`;
  return phase === 'Running' ? 'Container is waiting.' : undefined;
}

/** What Kubernetes said when it refused a Pod, without the Pod's random name and what others use of a quota just now. */
function refusal(message: string, deploymentName: string): string {
  const generatedName = new RegExp(`${deploymentName.slice(0, 57).replaceAll('.', '\\.')}[a-z0-9-]*-?[a-z0-9]{5}`, 'g');
  return message
    .replace(/^pods "[^"]*" is forbidden: /, '')
    .replace(generatedName, deploymentName)
    .replace(/, used: .*?(?=, limited: )/gs, '');
}

function hasCondition(conditions: readonly ObservedCondition[], type: string, status: string): boolean {
  return conditions.some((condition) => condition.type === type && condition.status === status);
}

function newestTransition(conditions: readonly ObservedCondition[], createdAt: number): number {
  return conditions.reduce((newest, { transitionedAt = 0 }) => Math.max(newest, transitionedAt), createdAt);
}

function inBrackets(reason: string | undefined): string {
  return reason ? ` (${reason})` : '';
}

function shortened(message: string): string {
  return message.length <= maxMessageLength ? message : `${message.slice(0, maxMessageLength - 1).toWellFormed()}…`;
}
