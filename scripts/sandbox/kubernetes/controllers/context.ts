/** What every controller works with. */
import { isDeepStrictEqual } from 'node:util';
import type { Faults } from '../faults.ts';
import type { KubernetesObject } from '../objects.ts';
import type { Registry } from '../registry.ts';
import type { Resource } from '../resources.ts';
import type { ControllerTimes } from './times.ts';
import type { Timers } from './timers.ts';
import { WorkQueue, type ObjectKey } from './work-queue.ts';

export interface ControllerContext {
  registry: Registry;
  faults: Faults;
  times: ControllerTimes;
  timers: Timers;
  log: (message: string, fields: Record<string, unknown>) => void;
}

export function newQueue({ timers, log }: ControllerContext, reconcile: (key: ObjectKey) => void): WorkQueue {
  return new WorkQueue(timers, reconcile, (key, err) => log('a controller failed, will retry', { ...key, err }));
}

export function keyOfMetadata({ metadata }: KubernetesObject): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

/** The owner that controls the object, when it is of this kind. */
export function controllerOf({ metadata }: KubernetesObject, kind: string): ObjectKey | undefined {
  const owner = metadata.ownerReferences?.find((each) => each.controller === true && each.kind === kind);
  return owner && { namespace: metadata.namespace ?? '', name: owner.name };
}

/** The objects of a resource that this one controls. */
export function controlledBy<Controlled extends KubernetesObject>(
  { registry }: ControllerContext,
  owner: KubernetesObject,
  resource: Resource,
): Controlled[] {
  return registry.store
    .dependentsOf(owner.metadata.uid)
    .filter((dependent) => dependent.resource === resource)
    .map(({ version }) => version.object as Controlled)
    .filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid, controller }) => uid === owner.metadata.uid && controller === true),
    );
}

/** Replaces parts of an object, past validation, as the cluster's own components may; nothing happens where nothing changes. */
export function replaceParts<Stored extends KubernetesObject>(
  { registry }: ControllerContext,
  resource: Resource,
  object: Stored,
  parts: { spec?: Stored['spec']; status?: Stored['status']; metadata?: Partial<Stored['metadata']> },
): Stored {
  const { metadata, ...others } = parts;
  const changed = { ...object, ...others, metadata: { ...object.metadata, ...metadata } };
  if (isDeepStrictEqual(changed, object)) return object;
  if (parts.spec !== undefined && changed.metadata.generation !== undefined) changed.metadata.generation += 1;
  return registry.store.put(resource, changed).object as Stored;
}
