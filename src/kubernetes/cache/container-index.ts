/** All cached objects by the container that they belong to, and the containers in the order of their ids. */
import type { Container } from '../../containers/container.ts';
import { buildContainer } from '../objects/build-container.ts';
import type { ContainerView } from '../objects/build-container.ts';
import { currentDeployments, noObjects } from '../objects/match-objects.ts';
import type { ContainerObjects } from '../objects/match-objects.ts';
import type { Resource } from '../api/resources.ts';
import type { DeploymentRecord, ObjectRecord, PodRecord, Records, ServiceRecord } from '../objects/records.ts';
import { SortedIds } from './sorted-ids.ts';

interface Entry extends ContainerObjects {
  deployments: DeploymentRecord[];
  services: ServiceRecord[];
  pods: PodRecord[];
  /** Made at the first read after a change. */
  view?: ContainerView | undefined;
  /** The latest `update_time` that was shown, and of which Deployment: it must not go back when a Pod disappears. */
  shown?: { deploymentUid: string; updatedAt: number };
}

export class ContainerIndex {
  /** Ids of the containers that exist. */
  readonly ids = new SortedIds();
  readonly #entries = new Map<string, Entry>();
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  objects(id: string): ContainerObjects {
    return this.#entries.get(id) ?? noObjects;
  }

  /**
   * The container as reads give it, absent where it does not exist; where two Deployments carry the id, the oldest is it.
   * The same object until something changes: callers must not change it.
   */
  container(id: string, now = Date.now()): Container | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (entry.view === undefined || entry.view.validUntil <= now) this.#renewView(entry, now);
    return entry.view?.container;
  }

  /** Puts `after` in the place of `before`; either may be absent. */
  change<Kind extends Resource>(kind: Kind, before: Records[Kind] | undefined, after: Records[Kind] | undefined): void {
    if (before) remove(this.#entries.get(before.containerId)?.[kind], before.uid);
    if (after) {
      const entry = this.#entries.get(after.containerId) ?? { deployments: [], services: [], pods: [] };
      this.#entries.set(after.containerId, entry);
      (entry[kind] as Records[Kind][]).push(after);
    }
    for (const id of new Set([before?.containerId, after?.containerId])) {
      if (id !== undefined) this.#settle(id);
    }
  }

  /** Brings what follows from an entry up to date with it. */
  #settle(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.view = undefined;
    if (entry.deployments.length + entry.services.length + entry.pods.length === 0) this.#entries.delete(id);
    if (currentDeployments(entry).length > 0) this.ids.add(id);
    else this.ids.delete(id);
  }

  #renewView(entry: Entry, now: number): void {
    const deploymentUid = currentDeployments(entry)[0]?.uid;
    const shown = entry.shown?.deploymentUid === deploymentUid ? entry.shown : undefined;
    const options = { namespace: this.#namespace, now };
    entry.view = buildContainer(entry, shown ? { ...options, updatedAtLeast: shown.updatedAt } : options);
    if (entry.view && deploymentUid !== undefined) entry.shown = { deploymentUid, updatedAt: entry.view.updatedAt };
  }
}

function remove(records: ObjectRecord[] | undefined, uid: string): void {
  const index = records?.findIndex((record) => record.uid === uid) ?? -1;
  if (index >= 0) records!.splice(index, 1);
}
