/** Scheduler and kubelet in one: puts Pods on the one node there is, and leads them through their lives. */
import { manualAnnotation } from '../../../kubelet/images.ts';
import { timestamp, type Pod } from '../objects.ts';
import { configMaps, pods, secrets } from '../resources.ts';
import { replaceParts, type ControllerContext } from './context.ts';
import { findMissingReferences, type MissingReferences } from './pod-references.ts';
import {
  buildEndedPodStatus,
  buildPodStatus,
  isStubborn,
  nextStage,
  playOf,
  type PodPlace,
  type Stage,
} from './pod-life.ts';

const nodeName = 'sandbox-node';
const hostIp = '192.0.2.10';

export function startPodController(context: ControllerContext): void {
  const { store } = context.registry;
  const cancelByUid = new Map<string, () => void>();
  const ending = new Set<string>();
  let addresses = 0;

  const schedule = (uid: string, milliseconds: number, callback: () => void): void => {
    cancelByUid.get(uid)?.();
    const cancel = context.timers.after(milliseconds, () => {
      cancelByUid.delete(uid);
      callback();
    });
    cancelByUid.set(uid, cancel);
  };

  /** The Pod as it is now, unless it is gone, replaced, ended, or somebody else's to tell of. */
  const playedPod = (pod: Pod): Pod | undefined => {
    const { namespace = '', name, uid } = pod.metadata;
    const present = store.get(pods, namespace, name)?.object as Pod | undefined;
    if (present?.metadata.uid !== uid || present.metadata.annotations?.[manualAnnotation] !== undefined)
      return undefined;
    return present.status?.phase === 'Succeeded' || present.status?.phase === 'Failed' ? undefined : present;
  };
  /** The same, unless it is on its way out. */
  const livingPod = (pod: Pod): Pod | undefined => {
    const present = playedPod(pod);
    return present?.metadata.deletionTimestamp === undefined ? present : undefined;
  };

  const missingReferences = (pod: Pod): MissingReferences =>
    findMissingReferences(pod, (kind, name) => {
      const resource = kind === 'secret' ? secrets : configMaps;
      return store.get(resource, pod.metadata.namespace ?? '', name) !== undefined;
    });

  const advance = (pod: Pod, stage: Stage, place: PodPlace): void => {
    const present = livingPod(pod);
    if (!present) return;
    replaceParts(context, pods, present, { status: buildPodStatus(present, stage, place, timestamp()) });
    const missing = missingReferences(present);
    const next = nextStage(stage, playOf(present), context.times, missing);
    if (!next) return;
    schedule(pod.metadata.uid, next.after, () => {
      advance(pod, next.stage, place);
    });
  };

  const begin = (pod: Pod): void => {
    const present = livingPod(pod);
    if (!present) return;
    addresses += 1;
    const podIp = `10.244.${(addresses >> 8) & 255}.${addresses & 255}`;
    const { registry } = context;
    // The node is set past the registry, which counts a generation for every change of a spec.
    const bound: Pod = { ...present, spec: { ...present.spec, nodeName }, metadata: { ...present.metadata } };
    advance(registry.store.put(pods, bound).object as Pod, { at: 'creating' }, { nodeName, hostIp, podIp });
  };

  const finish = (pod: Pod): void => {
    const { namespace = '', name, uid } = pod.metadata;
    if (ending.has(uid)) return;
    ending.add(uid);
    const grace = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const { speed, termination, glimpse } = context.times;
    schedule(uid, isStubborn(pod) ? grace / speed : Math.min(grace, termination), () => {
      const present = playedPod(pod);
      if (present?.status?.containerStatuses) {
        replaceParts(context, pods, present, { status: buildEndedPodStatus(present, timestamp()) });
      }
      schedule(uid, glimpse, () => {
        ending.delete(uid);
        const preconditions = { uid };
        context.registry.delete(pods, namespace, name, { gracePeriodSeconds: 0, preconditions });
      });
    });
  };

  store.listen(pods, ({ type, version }) => {
    const pod = version.object as Pod;
    const { uid, deletionTimestamp } = pod.metadata;
    if (type === 'DELETED') {
      cancelByUid.get(uid)?.();
      cancelByUid.delete(uid);
      ending.delete(uid);
    } else if (deletionTimestamp !== undefined) {
      if ((pod.metadata.deletionGracePeriodSeconds ?? 0) > 0) finish(pod);
    } else if (type === 'ADDED') {
      schedule(uid, 0, () => {
        begin(pod);
      });
    }
  });
}
