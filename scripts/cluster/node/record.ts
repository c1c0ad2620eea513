/**
 * Recordings of what a kubelet writes: a file for each container of the provider, with one line of JSON for each status of
 * its Pods, in the order of a watch. `test/recordings/` holds some, which are played through the status rules.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterApi, KubernetesObject, WatchEvent } from '../api.ts';
import { network, registryHost } from './configuration.ts';

/** A line of a recording; what no rule looks at is left out. */
export interface RecordedStatus {
  /** When the event came, by the clock of this machine. */
  at: string;
  /** The end of the Pod's name. */
  pod: string;
  type: string;
  deletionTimestamp?: string;
  nodeName?: string;
  status: object;
}

interface RecordedPod extends KubernetesObject {
  spec: { nodeName?: string };
  status: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: (Record<string, unknown> & { type: string })[];
    containerStatuses?: ContainerStatus[];
  };
}

interface ContainerStatus extends Record<string, unknown> {
  state?: States;
  lastState?: States;
}

/** `waiting`, `running` or `terminated`, and what is known of it. */
type States = Record<string, Record<string, unknown>>;

const idLabel = 'dcm.project/dcm-instance-id';
const conditionTypes = new Set(['PodScheduled', 'ContainersReady', 'Ready', 'DisruptionTarget']);

/**
 * Records into the folder until the signal. A file that is there is continued.
 *
 * @throws Error when the watch fails before that
 */
export async function record(api: ClusterApi, folder: string, signal: AbortSignal): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const path = `/api/v1/pods?labelSelector=${encodeURIComponent(idLabel)}`;
  for await (const event of api.watch<RecordedPod>(path, signal)) {
    const id = event.object.metadata.labels?.[idLabel];
    if (id === undefined) continue;
    appendFileSync(join(folder, `${id}.jsonl`), `${JSON.stringify(reduceEvent(event, new Date()))}\n`);
  }
}

/** An event of a watch as a line: names of this machine, its network and its images' registry are replaced. */
export function reduceEvent({ type, object }: WatchEvent<RecordedPod>, at: Date): RecordedStatus {
  const { metadata, spec, status } = object;
  const { phase, reason, message, conditions, containerStatuses } = status;
  const line = {
    at: at.toISOString(),
    pod: metadata.name.slice(metadata.name.lastIndexOf('-') + 1),
    type,
    ...present('deletionTimestamp', metadata.deletionTimestamp),
    ...(spec.nodeName !== undefined && { nodeName: 'node-1' }),
    status: {
      ...pick({ phase, reason, message }, ['phase', 'reason', 'message']),
      ...present(
        'conditions',
        conditions
          ?.filter(({ type }) => conditionTypes.has(type))
          .map((condition) => pick(condition, ['type', 'status', 'reason', 'message', 'lastTransitionTime'])),
      ),
      ...present('containerStatuses', containerStatuses?.map(reduceContainer)),
    },
  };
  const { namespace = '', uid } = metadata;
  const replacements = [
    [namespace, 'default'],
    [uid, '00000000-0000-0000-0000-000000000000'],
    [registryHost, 'registry.test:5000'],
    [network.hostAddress, 'registry.test'],
    [network.nodeAddress, '192.0.2.2'],
  ] as const;
  const text = replacements.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(line));
  return JSON.parse(text) as RecordedStatus;
}

function reduceContainer({ state = {}, lastState = {}, ...rest }: ContainerStatus): object {
  const reduceState = (states: States): States =>
    Object.fromEntries(
      Object.entries(states).map(([name, values]) => [
        name,
        pick(values, ['reason', 'message', 'exitCode', 'startedAt', 'finishedAt']),
      ]),
    );
  return {
    ...pick(rest, ['name', 'restartCount', 'ready', 'started']),
    state: reduceState(state),
    ...(Object.keys(lastState).length > 0 && { lastState: reduceState(lastState) }),
  };
}

function pick(from: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]]));
}

function present(name: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [name]: value };
}
