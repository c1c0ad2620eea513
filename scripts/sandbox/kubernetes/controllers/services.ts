/** The cloud's part: gives Services of type LoadBalancer an address, and takes its time to clean up after them. */
import type { Service } from '../objects.ts';
import { services } from '../resources.ts';
import { keyOfMetadata, replaceParts, type ControllerContext } from './context.ts';
import type { ObjectKey } from './work-queue.ts';

const cleanupFinalizer = 'service.kubernetes.io/load-balancer-cleanup';

export function startServiceController(context: ControllerContext): void {
  const { store } = context.registry;
  const underWay = new Set<string>();
  let addresses = 0;

  /** Calls back later with the Service as it is then; one call at a time for each Service and purpose. */
  const later = (
    service: Service,
    purpose: string,
    milliseconds: number,
    callback: (present: Service) => void,
  ): void => {
    const { uid } = service.metadata;
    const task = `${purpose} ${uid}`;
    if (underWay.has(task)) return;
    underWay.add(task);
    context.timers.after(milliseconds, () => {
      underWay.delete(task);
      const { namespace, name }: ObjectKey = keyOfMetadata(service);
      const present = store.get(services, namespace, name)?.object as Service | undefined;
      if (present?.metadata.uid === uid) callback(present);
    });
  };

  const giveAddress = (service: Service): void => {
    if (!wantsAddress(service)) return;
    addresses += 1;
    const ip = `203.0.${113 + ((addresses >> 8) & 127)}.${addresses & 255}`;
    replaceParts(context, services, service, { status: { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } } });
  };

  store.listen(services, ({ type, version }) => {
    const service = version.object as Service;
    if (type === 'DELETED') return;
    if (service.metadata.deletionTimestamp !== undefined || service.spec.type !== 'LoadBalancer') {
      if (hasFinalizer(service))
        later(service, 'clean up', context.times.loadBalancerCleanup, (present) => cleanUp(context, present));
      return;
    }
    if (!hasFinalizer(service)) later(service, 'protect', 0, (present) => protect(context, present));
    if (wantsAddress(service)) later(service, 'address', context.times.loadBalancer, giveAddress);
  });
}

function hasFinalizer({ metadata }: Service): boolean {
  return metadata.finalizers?.includes(cleanupFinalizer) ?? false;
}

function wantsAddress({ metadata, spec, status }: Service): boolean {
  const waits = metadata.deletionTimestamp === undefined && spec.type === 'LoadBalancer';
  return waits && (status?.loadBalancer?.ingress?.length ?? 0) === 0;
}

function protect(context: ControllerContext, service: Service): void {
  const { deletionTimestamp, finalizers = [] } = service.metadata;
  if (deletionTimestamp !== undefined || service.spec.type !== 'LoadBalancer') return;
  if (hasFinalizer(service)) return;
  replaceParts(context, services, service, { metadata: { finalizers: [...finalizers, cleanupFinalizer] } });
}

/** Through the registry, which removes an object that is being deleted when its last finalizer goes. */
function cleanUp({ registry }: ControllerContext, service: Service): void {
  if (service.spec.type === 'LoadBalancer' && service.metadata.deletionTimestamp === undefined) return;
  const { namespace, name } = keyOfMetadata(service);
  registry.update(services, namespace, name, (present) => {
    const copy = structuredClone(present) as Service;
    copy.metadata.finalizers = (copy.metadata.finalizers ?? []).filter((each) => each !== cleanupFinalizer);
    return copy;
  });
}
