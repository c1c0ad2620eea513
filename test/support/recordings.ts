/** What a real kubelet wrote (`test/recordings/`), played to the status rules and to the reporter as a watch would. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { momentOf } from '../../src/clock.ts';
import { containerStatus } from '../../src/containers/status.ts';
import type { ObservedContainerObjects } from '../../src/containers/observed.ts';
import { createDelivery } from '../../src/events/status-events.ts';
import type { Deployment, Pod } from '../../src/kubernetes/api/resources.ts';
import { observeObjects } from '../../src/kubernetes/objects/container.ts';
import { projectDeployment } from '../../src/kubernetes/objects/deployment.ts';
import { projectPod } from '../../src/kubernetes/objects/pod.ts';
import type { PodRecord } from '../../src/kubernetes/objects/pod.ts';
import { MemorySource } from './container-source.ts';
import { RecordingPublisher } from './event-publisher.ts';
import { ManualClock } from './manual-clock.ts';

const folder = join(import.meta.dirname, '..', 'recordings');
const id = 'app';

/** One line: the status of a Pod, in the order of a watch. */
interface RecordedStatus {
  at: string;
  /** The end of the Pod's name. */
  pod: string;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  nodeName?: string;
  deletionTimestamp?: string;
  status: NonNullable<Pod['status']>;
  /** When the Pod was seen first: creation times are not recorded. */
  createdAt: string;
}

export interface ReplayOptions {
  /** Of the container, as the recorded Pods had them. */
  probes?: readonly ('livenessProbe' | 'readinessProbe' | 'startupProbe')[];
  /** The way in which kubelets up to Kubernetes 1.34 show a crash loop: waiting in `CrashLoopBackOff` all the time. */
  waitsInBackOff?: boolean;
  /** How long nothing more happens at the end, in milliseconds; 500 ms are the reporter's window. Default 500. */
  afterMs?: number;
}

/** Each event of the reporter as `STATUS message`; what is said while a container starts is `PENDING …` once. */
export async function replay(name: string, options: ReplayOptions = {}): Promise<string[]> {
  const { afterMs = 500 } = options;
  const lines = recordedLines(name);
  const clock = new ManualClock(Date.parse(lines[0]!.at) - 1_000);
  const pods = new Map<string, PodRecord>();
  let cameUp = false;
  let newestChange = 0;
  const observe = (seen: readonly PodRecord[] = [...pods.values()]): ObservedContainerObjects =>
    observeObjects({ deployments: [deploymentRecord(lines[0]!.at, cameUp)], services: [], pods: seen });
  const source = new MemorySource(clock);
  const publisher = new RecordingPublisher();
  const part = createDelivery({
    source,
    publisher,
    providerName: 'sp',
    namespace: 'containers',
    debounceMs: 500,
    resyncPeriodMs: 24 * 3_600_000,
    log: pino({ enabled: false }),
    clock,
  });
  void part.start();
  source.becomeReady();
  for (const [index, line] of lines.entries()) {
    await clock.advance(Date.parse(line.at) - clock.now());
    take(pods, line, options, clock);
    cameUp ||= line.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
    source.set(id, observe());
    checkAnotherReplica(observe(), lines.slice(0, index + 1));
  }
  await clock.advance(afterMs);
  void part.stop(AbortSignal.abort());
  return publisher.sent
    .map(({ data: { status, message } }) => (isStart(message) ? 'PENDING …' : `${status} ${message}`))
    .filter((event, index, all) => event !== all[index - 1]);

  /** One that has just started knows the same objects and nothing else: it must say the same, and no earlier time of change. */
  function checkAnotherReplica(seen: ObservedContainerObjects, until: readonly RecordedStatus[]): void {
    const known = new Map<string, PodRecord>();
    for (const line of until) {
      if (line.type === 'DELETED') known.delete(line.pod);
      else known.set(line.pod, record(line, undefined, options, clock));
    }
    const fresh = observe([...known.values()]);
    const [one, other] = [seen, fresh].map((objects) => {
      const { status, message, changedAt = 0 } = containerStatus(objects, momentOf(clock));
      if (changedAt < newestChange) throw new Error(`${name}: the time of change goes back`);
      newestChange = changedAt;
      return `${status} ${message}`;
    });
    if (one !== other) throw new Error(`${name}: a fresh replica says ${String(other)} instead of ${String(one)}`);
  }
}

function isStart(message: string): boolean {
  return /^(Waiting for a Pod|Pod is pending|Container is waiting: ContainerCreating)\.$/.test(message);
}

function recordedLines(name: string): RecordedStatus[] {
  const lines = readFileSync(join(folder, `${name}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
  const createdAt = new Map<string, string>();
  return lines.map((line) => {
    const recorded = JSON.parse(line) as Omit<RecordedStatus, 'createdAt'>;
    if (!createdAt.has(recorded.pod)) createdAt.set(recorded.pod, recorded.at);
    return { ...recorded, createdAt: createdAt.get(recorded.pod)! };
  });
}

function take(pods: Map<string, PodRecord>, line: RecordedStatus, options: ReplayOptions, clock: ManualClock): void {
  if (line.type === 'DELETED') pods.delete(line.pod);
  else pods.set(line.pod, record(line, pods.get(line.pod), options, clock));
}

function record(
  line: RecordedStatus,
  known: PodRecord | undefined,
  { probes = [], waitsInBackOff = false }: ReplayOptions,
  clock: ManualClock,
): PodRecord {
  const { pod, at, nodeName, deletionTimestamp, status } = line;
  const object = {
    metadata: {
      ...metadata(`dcm-app-1-${pod}`, line.createdAt),
      uid: pod,
      resourceVersion: at,
      ...(deletionTimestamp && { deletionTimestamp }),
    },
    spec: {
      nodeName,
      containers: [{ name: id, ...Object.fromEntries(probes.map((probe) => [probe, {}])) }],
    },
    status: waitsInBackOff ? withOlderBackOff(status) : status,
  } as Pod;
  return projectPod(object, { moment: momentOf(clock), known, isWatched: known !== undefined })!;
}

function withOlderBackOff(status: RecordedStatus['status']): RecordedStatus['status'] {
  return {
    ...status,
    containerStatuses: status.containerStatuses?.map((container) => {
      const { state, restartCount } = container;
      if (state?.terminated === undefined || restartCount === 0 || status.phase !== 'Running') return container;
      return { ...container, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: state };
    }),
  } as RecordedStatus['status'];
}

function metadata(name: string, creationTimestamp: string) {
  const labels = { 'dcm.project/dcm-instance-id': id, 'dcm.project/dcm-incarnation': 'k3x9' };
  return { name, namespace: 'default', labels, creationTimestamp, resourceVersion: '1' };
}

function deploymentRecord(madeAt: string, cameUp: boolean) {
  const object = {
    metadata: { ...metadata('dcm-app-1', madeAt), uid: 'deployment' },
    spec: { replicas: 1, template: { spec: { containers: [{ name: id, image: 'registry.test:5000/busybox:1' }] } } },
    status: {
      conditions: [
        { type: 'Progressing', status: 'True', reason: cameUp ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated' },
      ],
    },
  } as unknown as Deployment;
  return projectDeployment(object)!;
}
