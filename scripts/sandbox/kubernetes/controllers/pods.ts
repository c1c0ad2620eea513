/** Scheduler and kubelet in one: puts Pods on the one node there is, and leads them through their lives. */
import { timestamp, type Pod } from '../objects.ts';
import { configMaps, pods, secrets } from '../resources.ts';
import { replaceParts, type ControllerContext } from './context.ts';
import { findMissingReferences, type MissingReferences } from './pod-references.ts';
import { behaviourOf, buildPodStatus, nextStage, type Behaviour, type PodPlace, type Stage } from './pod-life.ts';

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

  /** The Pod as it is now, unless it is gone, replaced, or on its way out. */
  const livingPod = (pod: Pod): Pod | undefined => {
    const { namespace = '', name, uid } = pod.metadata;
    const present = store.get(pods, namespace, name)?.object as Pod | undefined;
    return present?.metadata.uid === uid && present.metadata.deletionTimestamp === undefined ? present : undefined;
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
    const next = nextStage(stage, podBehaviour(present), context.times, missing);
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
    schedule(uid, Math.min(grace, context.times.termination), () => {
      ending.delete(uid);
      const preconditions = { uid };
      context.registry.delete(pods, namespace, name, { gracePeriodSeconds: 0, preconditions });
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

/** Of several containers the one in trouble tells. */
function podBehaviour({ spec }: Pod): Behaviour {
  const behaviours = spec.containers.map(({ image = '' }) => behaviourOf(image));
  return behaviours.find((behaviour) => behaviour !== 'runs' && behaviour !== 'unready') ?? 'runs';
}
