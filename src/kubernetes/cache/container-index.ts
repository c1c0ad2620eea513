/** All cached objects by the container that they belong to, and the containers in the order of their ids. */
import { momentOf, systemClock } from '../../clock.ts';
import type { Moment } from '../../clock.ts';
import type { Container } from '../../containers/container.ts';
import type { WatchedContainer } from '../../containers/waiting.ts';
import { buildContainer, currentDeployments } from '../objects/container.ts';
import type { ContainerObjects, ContainerView, ViewSettings } from '../objects/container.ts';
import { SortedIds } from './sorted-ids.ts';

/** Where the index finds the objects of one container: the same array until one of them changes. */
type Sources = { [Kind in keyof ContainerObjects]: { of(containerId: string): ContainerObjects[Kind] } };

/** The container that was made of these objects. */
interface Entry extends ContainerObjects {
  view: ContainerView | undefined;
  /** The latest `update_time` that was shown, and of which Deployment: it must not go back when a Pod disappears. */
  shown: { deploymentUid: string; updatedAt: number } | undefined;
}

export class ContainerIndex {
  /** Ids of the containers that exist. */
  readonly ids = new SortedIds();
  readonly #entries = new Map<string, Entry>();
  readonly #view: ViewSettings;
  readonly #sources: Sources;

  constructor(view: ViewSettings, sources: Sources) {
    this.#view = view;
    this.#sources = sources;
  }

  objects(id: string): ContainerObjects {
    const { deployments, services, pods } = this.#sources;
    return { deployments: deployments.of(id), services: services.of(id), pods: pods.of(id) };
  }

  /**
   * The container as reads give it, absent where it does not exist; where two Deployments carry the id, the oldest is it.
   * The same object until something changes: callers must not change it.
   *
   * @param moment - by the clock of this process
   */
  container(id: string, moment = momentOf(systemClock)): Container | undefined {
    return this.#entry(id, moment).view?.container;
  }

  /** The same, with the uid of its Deployment and how long time changes nothing. */
  watched(id: string, moment = momentOf(systemClock)): WatchedContainer | undefined {
    const { view, shown } = this.#entry(id, moment);
    return view && shown && { container: view.container, uid: shown.deploymentUid, validUntil: view.validUntil };
  }

  /** The container of objects that were read from the cluster itself; what it shows counts for reads from memory too. */
  containerOf(id: string, objects: ContainerObjects, moment = momentOf(systemClock)): Container | undefined {
    const entry = this.#entry(id, moment);
    const { view, shown } = this.#show(objects, entry.shown, moment);
    if (entry.shown === undefined || entry.shown.deploymentUid === shown?.deploymentUid) entry.shown = shown;
    return view?.container;
  }

  #entry(id: string, moment: Moment): Entry {
    const { deployments, services, pods } = this.#sources;
    const entry = this.#entries.get(id);
    const isCurrent =
      entry !== undefined &&
      entry.deployments === deployments.of(id) &&
      entry.services === services.of(id) &&
      entry.pods === pods.of(id) &&
      (entry.view?.validUntil ?? Infinity) > moment.elapsed;
    return isCurrent ? entry : this.#renew(id, entry, moment);
  }

  /** Brings what follows from the objects of a container up to date with them. */
  settle(id: string): void {
    const objects = this.objects(id);
    if (currentDeployments(objects).length > 0) this.ids.add(id);
    else this.ids.delete(id);
    if (objects.deployments.length + objects.services.length + objects.pods.length === 0) this.#entries.delete(id);
  }

  /** Does so for all containers at once, where all Deployments were replaced. */
  settleAll(idsWithDeployments: Iterable<string>): void {
    const { deployments } = this.#sources;
    const exists = (id: string) => currentDeployments({ deployments: deployments.of(id) }).length > 0;
    this.ids.replace([...idsWithDeployments].filter(exists));
  }

  #renew(id: string, before: Entry | undefined, moment: Moment): Entry {
    const objects = this.objects(id);
    const entry = { ...objects, ...this.#show(objects, before?.shown, moment) };
    if (objects.deployments.length > 0) this.#entries.set(id, entry);
    return entry;
  }

  #show(objects: ContainerObjects, before: Entry['shown'], moment: Moment): Pick<Entry, 'view' | 'shown'> {
    const deploymentUid = currentDeployments(objects)[0]?.uid;
    const shown = before?.deploymentUid === deploymentUid ? before : undefined;
    const options = { ...this.#view, moment };
    const view = buildContainer(objects, shown ? { ...options, updatedAtLeast: shown.updatedAt } : options);
    return { view, shown: view && deploymentUid !== undefined ? { deploymentUid, updatedAt: view.updatedAt } : before };
  }
}
