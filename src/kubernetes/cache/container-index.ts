/** All cached objects by the container that they belong to, and the containers in the order of their ids. */
import { momentOf } from '../../clock.ts';
import type { Clock, Moment } from '../../clock.ts';
import type { Container } from '../../containers/container.ts';
import type { ContainerView } from '../../containers/source.ts';
import { currentDeployments, viewObjects } from '../objects/container.ts';
import type { ContainerObjects, ObjectsView, ViewSettings } from '../objects/container.ts';
import { SortedIds } from './sorted-ids.ts';
import { ViewTimers } from './view-timers.ts';

/** Where the index finds the objects of one container: the same array until one of them changes. */
type Sources = { [Kind in keyof ContainerObjects]: { of(containerId: string): ContainerObjects[Kind] } };

export interface ContainerIndexOptions {
  settings: ViewSettings;
  sources: Sources;
  clock: Clock;
  /** Whether memory can be believed. */
  isLive: () => boolean;
  /** Called with the id of a container whose view time alone has changed. */
  onExpired: (containerId: string) => void;
}

export class ContainerIndex {
  /** Ids of the containers that exist. */
  readonly ids = new SortedIds();
  readonly #views = new Map<string, ObjectsView>();
  /** Ids of containers whose objects may be others than those of their view. */
  readonly #touched = new Set<string>();
  readonly #options: ContainerIndexOptions;
  readonly #timers: ViewTimers;

  constructor(options: ContainerIndexOptions) {
    this.#options = options;
    const { clock, isLive, onExpired: tell } = options;
    this.#timers = new ViewTimers({ clock, isLive, tell });
  }

  objects(id: string): ContainerObjects {
    const { deployments, services, pods } = this.#options.sources;
    return { deployments: deployments.of(id), services: services.of(id), pods: pods.of(id) };
  }

  /**
   * The container as it is seen, absent where it has no Deployment; where two carry the id, the oldest is it. The same
   * object until something changes.
   */
  view(id: string, moment = momentOf(this.#options.clock)): ObjectsView | undefined {
    const view = this.#views.get(id);
    const isCurrent =
      view !== undefined && view.validUntil > moment.elapsed && (!this.#touched.has(id) || this.#isOfPresent(id, view));
    return isCurrent ? view : this.#renew(id, moment);
  }

  /** The container as reads give it, absent where it does not exist. */
  container(id: string, moment?: Moment): Container | undefined {
    return shown(this.view(id, moment));
  }

  /** The container of objects that were read from the cluster itself; what it shows counts for reads from memory too. */
  containerOf(id: string, objects: ContainerObjects): Container | undefined {
    const before = this.#views.get(id);
    const view = viewObjects(objects, { ...this.#options.settings, moment: momentOf(this.#options.clock), before });
    if (before !== undefined && before.uid === view?.uid) {
      this.#views.set(id, view);
      this.#touched.add(id);
    }
    return shown(view);
  }

  /** Brings what follows from the objects of a container up to date with them. */
  settle(id: string): void {
    const objects = this.objects(id);
    if (currentDeployments(objects).length > 0) this.ids.add(id);
    else this.ids.delete(id);
    if (this.#views.has(id)) this.#touched.add(id);
    if (objects.deployments.length > 0) return;
    this.#views.delete(id);
    this.#touched.delete(id);
    this.#timers.cancel(id);
  }

  /** Does so for all containers at once, where all Deployments were replaced. */
  settleAll(idsWithDeployments: Iterable<string>): void {
    const { deployments } = this.#options.sources;
    const exists = (id: string) => currentDeployments({ deployments: deployments.of(id) }).length > 0;
    this.ids.replace([...idsWithDeployments].filter(exists));
  }

  /** To be called where the objects of any number of containers were replaced. */
  touchAll(): void {
    for (const id of this.#views.keys()) this.#touched.add(id);
  }

  #isOfPresent(id: string, { objects }: ObjectsView): boolean {
    const { deployments, services, pods } = this.objects(id);
    const isOfPresent = objects.deployments === deployments && objects.services === services && objects.pods === pods;
    if (isOfPresent) this.#touched.delete(id);
    return isOfPresent;
  }

  #renew(id: string, moment: Moment): ObjectsView | undefined {
    const view = viewObjects(this.objects(id), { ...this.#options.settings, moment, before: this.#views.get(id) });
    if (view === undefined) return undefined;
    this.#views.set(id, view);
    this.#touched.delete(id);
    this.#timers.plan(id, view.validUntil);
    return view;
  }
}

function shown(view: ContainerView | undefined): Container | undefined {
  return view === undefined || view.status === 'DELETED' ? undefined : view.container;
}
