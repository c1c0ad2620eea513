/**
 * The status of a container: ordered rules over its Deployment and Pods, the same for reads and for events, on every replica
 * and after a restart: nothing is remembered but when the present run of the container began.
 */
import type { Moment } from '../clock.ts';
import type { ContainerStatus } from './container.ts';
import { kubeletCause, isRefusal, refusalWords } from './causes.ts';
import { countEnds, crashLoopUntil, endedRun } from './crash-loop.ts';
import type {
  ObservedCondition,
  ObservedContainer,
  ObservedContainerObjects,
  ObservedContainerState,
  ObservedDeployment,
  ObservedPod,
  ObservedRun,
} from './observed.ts';

/** Restarts of a container before its crash loop is `FAILED`, where nothing else is wanted. */
export const defaultCrashTolerance = 1;

/** How long `RUNNING` waits for the address of a load balancer where nothing else is wanted, in milliseconds. */
export const defaultAddressWaitMs = 90_000;

/**
 * How long the next Pod of a roll-out may run without being ready before that is told, in milliseconds: probes look each ten
 * seconds where nothing else is asked for, and the first look mostly comes too early.
 */
const ordinaryReadinessMs = 30_000;

/** Longest message, in UTF-16 units: conditions carry whatever an admission webhook wrote. */
const maxMessageLength = 1024;

export interface StatusSettings {
  /** Restarts of a container before its crash loop is `FAILED`; absent: 1. */
  crashTolerance?: number | undefined;
  /** How long `RUNNING` waits for the address of a load balancer, from the Deployment's creation, in milliseconds; absent: 90 s. */
  addressWaitMs?: number | undefined;
}

export interface StatusReport {
  status: ContainerStatus;
  /** A sentence without times and counters: it changes only when the state does. */
  message: string;
  /**
   * When the state last changed, in milliseconds since the epoch; absent once the Deployment is gone. In what kubelets were
   * recorded to write it never goes back, on any replica; clocks of nodes that disagree may set it back.
   */
  changedAt?: number;
  /**
   * When the same objects will give another status, in milliseconds of the process's monotonic clock; absent where time
   * alone changes nothing.
   */
  lookAgainAt?: number;
  /** The Pod whose state is the container's; absent where none counts. */
  pod?: ObservedPod;
}

/** What is said of a container that was deleted. */
export const deletedMessage = 'Container was deleted.';

type Verdict = Pick<StatusReport, 'status' | 'message' | 'lookAgainAt'>;

/** What the verdict on a Pod depends on beside the Pod. */
interface Context {
  deployment: ObservedDeployment;
  awaitsAddress: boolean | undefined;
  moment: Moment;
  crashTolerance: number;
  addressWaitMs: number;
}

type PodRule = (pod: ObservedPod, context: Context) => Verdict | undefined;
type DeploymentRule = (deployment: ObservedDeployment) => Verdict | undefined;

/** The first rule that holds gives the status of a Pod; a Pod for which none holds (`Succeeded`) does not count. */
const podRules: readonly PodRule[] = [phaseUnknown, nodeLost, podFailed, crashLooping, running, disturbed, pending];

/** What holds while no Pod counts. */
const deploymentRules: readonly DeploymentRule[] = [podsRefused, scaledToZero, paused];

const waitingForPod: Verdict = { status: 'PENDING', message: 'Waiting for a Pod.' };

/**
 * The status of a container. Total: every combination of objects has one.
 *
 * @param objects - a Deployment with the Pods of its own incarnation alone
 * @param moment - by the clock of this process
 */
export function containerStatus(
  objects: ObservedContainerObjects,
  moment: Moment,
  settings: StatusSettings = {},
): StatusReport {
  const { deployment, pods } = objects;
  if (deployment === undefined || deployment.deletedAt !== undefined) return deleted(deployment);
  const { crashTolerance = defaultCrashTolerance, addressWaitMs = defaultAddressWaitMs } = settings;
  const context = { deployment, awaitsAddress: objects.awaitsAddress, moment, crashTolerance, addressWaitMs };
  const counting = countingPods(pods).map((pod) => ({ pod, verdict: podVerdict(pod, context) }));
  const deciding = decidingAmong(counting);
  const { status, message: own } = (deciding && podStatus(deciding, deployment)) ?? statusWithoutPod(deployment);
  const rollOut = deciding && status === 'RUNNING' ? rollOutBeside(deciding.pod, counting, context) : undefined;
  const message = rollOut?.message === undefined ? own : `${own} ${rollOut.message}`;
  const lookAgainAt = nextLook([...counting.map(({ verdict }) => verdict), rollOut]);
  const { pod } = deciding ?? {};
  const { conditions } = pod ?? { conditions: [deployment, ...pods].flatMap((object) => object.conditions) };
  return {
    status,
    message: shortened(message),
    changedAt: newestTransition(conditions, Math.max(deployment.createdAt, pod?.createdAt ?? 0)),
    ...(lookAgainAt !== undefined && { lookAgainAt }),
    ...(pod && { pod }),
  };
}

/** A Pod that counts, with what its own state says. */
interface CountingPod {
  pod: ObservedPod;
  verdict: Verdict | undefined;
}

/** Of Pods that count, newest first, one that runs decides, else the newest. */
function decidingAmong(counting: readonly CountingPod[]): CountingPod | undefined {
  const isRunning = ({ verdict }: CountingPod) => verdict?.status === 'RUNNING';
  return (
    counting.find((candidate) => isRunning(candidate) && isServing(candidate.pod)) ??
    counting.find(isRunning) ??
    counting[0]
  );
}

/** When time alone will change what is said: also of a Pod that does not decide now, and then may. */
function nextLook(all: readonly (Pick<Verdict, 'lookAgainAt'> | undefined)[]): number | undefined {
  const next = Math.min(...all.map((each) => each?.lookAgainAt ?? Infinity));
  return next === Infinity ? undefined : next;
}

/**
 * `Succeeded` Pods never count, `Failed` ones not once a newer Pod is there, and Pods that are being deleted only while
 * there is no other. Newest first.
 */
function countingPods(pods: readonly ObservedPod[]): ObservedPod[] {
  const newestFirst = [...pods].sort(byAge);
  const current = newestFirst.filter(
    ({ phase }, index) => phase !== 'Succeeded' && (index === 0 || phase !== 'Failed'),
  );
  const staying = current.filter(({ deletedAt }) => deletedAt === undefined);
  return staying.length > 0 ? staying : current;
}

/** Newest first; by name where the times are equal, so that the order in which Pods are listed changes nothing. */
function byAge(a: ObservedPod, b: ObservedPod): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.name < b.name ? -1 : 1;
}

function podStatus({ pod, verdict }: CountingPod, deployment: ObservedDeployment): Verdict | undefined {
  return verdict?.status === 'PENDING' && !isServing(pod) ? (overdue(deployment, verdict) ?? verdict) : verdict;
}

function statusWithoutPod(deployment: ObservedDeployment): Verdict {
  const verdict = firstVerdict(deploymentRules, (rule) => rule(deployment)) ?? waitingForPod;
  return overdue(deployment, verdict) ?? verdict;
}

/** What is to be said of a roll-out beside the state of the Pod that serves: no message where nothing holds it up. */
type RollOut = Partial<Pick<Verdict, 'message' | 'lookAgainAt'>>;

/** Absent where there is no roll-out, or all of it that is left is that the former Pods go. */
function rollOutBeside(
  { templateHash, createdAt }: ObservedPod,
  counting: readonly CountingPod[],
  { deployment, moment }: Context,
): RollOut | undefined {
  if (deployment.reconciling !== true) return undefined;
  const next = counting.find(({ pod }) => pod.templateHash !== templateHash && pod.createdAt >= createdAt);
  if (isOverdue(deployment)) {
    const cause = next ? obstacleOf(next) : podsRefused(deployment)?.message;
    return { message: `The roll-out did not finish in time${cause === undefined ? '.' : `: ${cause}`}` };
  }
  const readyUntil = next && ordinaryReadinessUntil(next.pod);
  const isOrdinary = readyUntil !== undefined && moment.elapsed < readyUntil;
  const cause = isOrdinary ? lastEndOf(next!.pod) : next ? obstacleOf(next) : podsRefused(deployment)?.message;
  return {
    ...(cause !== undefined && { message: `The roll-out is held up: ${cause}` }),
    ...(isOrdinary && { lookAgainAt: readyUntil }),
  };
}

/** Absent for what every Pod passes through on its way up. */
function obstacleOf({ pod, verdict }: CountingPod): string | undefined {
  return verdict === undefined || verdict.message === ordinaryWait(pod) ? undefined : verdict.message;
}

/** Until when a run that is not ready yet is on its way; absent where the container does not run, or is in a crash loop. */
function ordinaryReadinessUntil({ container }: ObservedPod): number | undefined {
  if (container?.state.running === undefined || container.isReady || crashLoopUntil(container) !== undefined)
    return undefined;
  return container.state.running.since + ordinaryReadinessMs;
}

/** In the words of the time between two runs, so that the next one is no news; absent where no run has ended. */
function lastEndOf({ container }: ObservedPod): string | undefined {
  return container?.lastRun && restartingAfter(container.lastRun);
}

function podVerdict(pod: ObservedPod, context: Context): Verdict | undefined {
  return firstVerdict(podRules, (rule) => rule(pod, context));
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
    message: deletedMessage,
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
  const reason = pod.reason && pod.cause ? `${pod.reason}: ${pod.cause}` : (pod.reason ?? pod.cause);
  const causes = [reason, exit && exitOf(exit)].filter((cause) => cause);
  return { status: 'FAILED', message: causes.length > 0 ? `Pod failed: ${causes.join(', ')}.` : 'Pod failed.' };
}

/**
 * A container that ends again and again is up for a moment each time; that moment is no recovery. As long as its ends are
 * tolerated it is what it was: up, if it ever came up.
 */
function crashLooping(pod: ObservedPod, context: Context): Verdict | undefined {
  const { container } = pod;
  const until = container && crashLoopUntil(container);
  if (until === undefined || until <= context.moment.elapsed) return undefined;
  const obstacle = heldInLoop(container!.state);
  const words = `${loop(container!)}.`;
  const message = obstacle === undefined ? words : `${words} ${obstacle}`;
  const lookAgain = until !== Infinity && { lookAgainAt: until };
  if (countEnds(container!) > context.crashTolerance) return { status: 'FAILED', message, ...lookAgain };
  const isUp = isServing(pod) || (hasComeUp(context.deployment) && obstacle === undefined);
  return { ...lookAgain, ...(isUp ? up(message, context) : { status: 'PENDING', message }) };
}

/**
 * Consumers bind other resources with the outputs of the first `RUNNING`, and with no later one: it waits for the address
 * of the load balancer, for a while.
 */
function up(message: string, { awaitsAddress, deployment, moment, addressWaitMs }: Context): Verdict {
  const leftMs = deployment.createdAt + addressWaitMs - moment.now;
  if (!awaitsAddress || leftMs <= 0) return { status: 'RUNNING', message };
  const lookAgainAt = moment.elapsed + leftMs;
  return { status: 'PENDING', message: 'Waiting for the address of the load balancer.', lookAgainAt };
}

/**
 * Our own container decides: while a sidecar waits for its image, Kubernetes keeps the Pod in phase `Pending`, although
 * ours runs. A kubelet that has just started writes the phase `Running` alone, and may refuse the Pod right after.
 */
function running(pod: ObservedPod, context: Context): Verdict | undefined {
  return isServing(pod) ? up('Container is running.', context) : undefined;
}

function isServing({ phase, container }: ObservedPod): boolean {
  return (phase === 'Running' || phase === 'Pending') && container?.state.running !== undefined && container.isReady;
}

/**
 * What came up once, and is not ready for a moment or restarts outside of a crash loop, is still there: consumers take
 * `PENDING` for a container that nobody has taken yet, and place it elsewhere.
 */
function disturbed({ phase, container }: ObservedPod, context: Context): Verdict | undefined {
  if (phase !== 'Running' || container === undefined || !hasComeUp(context.deployment)) return undefined;
  if (container.state.running) return up('Container is running, but not ready.', context);
  const ended = endedRun(container);
  if (ended === undefined || !isStarting(container.state)) return undefined;
  return up(`Container is started again after ${exitOf(ended)}.`, context);
}

/** Kubernetes says so once all that the Deployment asks for is available, and until its next roll-out begins. */
function hasComeUp({ conditions }: ObservedDeployment): boolean {
  return conditions.some(({ type, reason }) => type === 'Progressing' && reason === 'NewReplicaSetAvailable');
}

/** Whether nothing but the start itself is waited for. */
function isStarting({ waiting, terminated }: ObservedContainerState): boolean {
  return terminated !== undefined || waiting?.reason === undefined || ordinaryReasons.has(waiting.reason);
}

function pending(pod: ObservedPod): Verdict | undefined {
  const { phase, container } = pod;
  if (phase !== 'Running' && phase !== 'Pending') return undefined;
  const message = unscheduled(pod) ?? held(container) ?? blockedInit(pod) ?? ordinaryWait(pod);
  return { status: 'PENDING', message };
}

/** What has not come up within the Deployment's deadline is not waited for any longer, unless Kubernetes says otherwise. */
function overdue(deployment: ObservedDeployment, { message }: Verdict): Verdict | undefined {
  if (!isOverdue(deployment)) return undefined;
  return { status: 'FAILED', message: `Container did not come up in time: ${message}` };
}

function isOverdue({ conditions }: ObservedDeployment): boolean {
  return conditions.some(
    ({ type, status, reason }) => type === 'Progressing' && status === 'False' && reason === 'ProgressDeadlineExceeded',
  );
}

/** A refused ReplicaSet shows in `Progressing` alone, a refused Pod in `ReplicaFailure`. */
function podsRefused({ conditions, name }: ObservedDeployment): Verdict | undefined {
  const condition = conditions.find(
    ({ type, status, reason }) =>
      (type === 'ReplicaFailure' && status === 'True') ||
      (type === 'Progressing' && status === 'False' && reason === 'ReplicaSetCreateError'),
  );
  if (condition === undefined) return undefined;
  const { message, reason } = condition;
  const cause = message ? refusalWords(message, name) : reason;
  return {
    status: message && isRefusal(message) ? 'FAILED' : 'PENDING',
    message: cause ? `Pods cannot be created: ${cause}` : 'Pods cannot be created.',
  };
}

function scaledToZero({ replicas }: ObservedDeployment): Verdict | undefined {
  return replicas === 0 ? { status: 'FAILED', message: 'Deployment is scaled to zero.' } : undefined;
}

function paused(deployment: ObservedDeployment): Verdict | undefined {
  return deployment.paused ? { status: 'PENDING', message: 'Deployment is paused.' } : undefined;
}

/** The same words in every phase of a loop, so that it is one state. */
function loop(container: ObservedContainer): string {
  const { restartingProbes = [] } = container;
  const ended = endedRun(container);
  if (ended?.cause) return `Container cannot be started: ${ended.cause}`;
  const words = ended?.exitCode === 0 ? 'Container keeps exiting' : 'Container is crash-looping';
  if (ended === undefined) return words;
  const mayBeProbe = restartingProbes.length > 0 && probeExitCodes.has(ended.exitCode) && ended.reason !== 'OOMKilled';
  return `${words}: ${exitOf(ended)}${mayBeProbe ? `, as when its ${restartingProbes.join(' or ')} probe fails` : ''}`;
}

/** How a container ends that is told to stop: by itself, by SIGTERM, or by SIGKILL. */
const probeExitCodes: ReadonlySet<number> = new Set([0, 143, 137]);

/** Between two runs: what else stands in the way. A runtime that does not answer for a moment is no news of a loop. */
function heldInLoop(state: ObservedContainerState): string | undefined {
  const reason = state.waiting?.reason;
  if (reason === undefined || loopReasons.has(reason)) return undefined;
  return blocked(state);
}

const loopReasons: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'RunContainerError',
  'ImageInspectError',
  'CreateContainerError',
]);

function crashed(run: ObservedRun | undefined): boolean {
  return run !== undefined && run.exitCode !== 0;
}

function exitOf({ reason, exitCode, cause }: ObservedRun): string {
  if (cause) return `${reason ?? 'StartError'}: ${cause}`;
  return reason ? `${reason} (exit code ${exitCode})` : `exit code ${exitCode}`;
}

function unscheduled({ conditions, name, uid }: ObservedPod): string | undefined {
  const condition = conditions.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (condition === undefined) return undefined;
  const { message } = condition;
  const causes = schedulingCauses(message) ?? (message && kubeletCause(message, [name, uid]));
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
  if (state.terminated) return restartingAfter(state.terminated);
  if (state.running) return isReady ? undefined : 'Container is not ready.';
  return blocked(state);
}

function restartingAfter(ended: ObservedRun): string {
  return `Container is restarting after ${exitOf(ended)}.`;
}

function blocked({ waiting }: ObservedContainerState): string | undefined {
  const { reason, cause } = waiting ?? {};
  if (reason === undefined || ordinaryReasons.has(reason)) return undefined;
  const why = cause ? `: ${cause}` : '';
  if (pullReasons.has(reason)) return `Image cannot be pulled (ImagePullBackOff)${why}.`;
  if (reason === 'RunContainerError' && cause) return `Container cannot be started${why}.`;
  return `Container is waiting: ${reason}${why}.`;
}

function blockedInit({ initContainers }: ObservedPod): string | undefined {
  for (const { name, state, lastRun } of initContainers) {
    const exit = crashed(state.terminated) ? state.terminated : crashed(lastRun) ? lastRun : undefined;
    if (exit !== undefined) return `Init container ${name} fails: ${exitOf(exit)}.`;
    const { reason, cause } = state.waiting ?? {};
    if (reason === undefined || ordinaryReasons.has(reason)) continue;
    const why = cause ? `: ${cause}` : '';
    if (pullReasons.has(reason)) return `Image of init container ${name} cannot be pulled (ImagePullBackOff)${why}.`;
    return `Init container ${name} is waiting: ${reason}${why}.`;
  }
  return undefined;
}

/** A container without any state waits, by the API's own words. */
function ordinaryWait({ phase, container }: ObservedPod): string {
  const reason = container?.state.waiting?.reason;
  if (reason) return `Container is waiting: ${reason}.`;
  return phase === 'Running' ? 'Container is waiting.' : 'Pod is pending.';
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
