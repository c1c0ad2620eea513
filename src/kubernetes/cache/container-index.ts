/** All cached objects by the container that they belong to, and the containers in the order of their ids. */
import { momentOf } from '../../clock.ts';
import type { Clock, Moment } from '../../clock.ts';
import type { Container } from '../../containers/container.ts';
import type { ContainerView } from '../../containers/source.ts';
import { isCurrent, viewObjects } from '../objects/container.ts';
import type { ContainerObjects, ObjectsView, ViewSettings } from '../objects/container.ts';
import { ViewTimers } from './view-timers.ts';

/** Where the index finds the objects of one container: the same array until one of them changes. */
type Sources = { [Kind in keyof ContainerObjects]: { of(containerId: string): ContainerObjects[Kind] } };

/** What is kept of a container that has a Deployment. */
interface Slot {
  readonly id: string;
  /** Absent until it is first asked for. */
  view: ObjectsView | undefined;
  /** Whether its objects may be others than those of the view. */
  isTouched: boolean;
}

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
  readonly #slots = new Map<string, Slot>();
  /** Of the containers that exist: their Deployment is not being deleted. */
  readonly #existing = new SortedById<Slot>();
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

  /** The ids of the containers that exist, in their order. */
  ids(): string[] {
    return [...this.#existing].map(({ id }) => id);
  }

  /**
   * The container as it is seen, absent where it has no Deployment; where two carry the id, the oldest is it. The same
   * object until something changes.
   */
  view(id: string, moment = momentOf(this.#options.clock)): ObjectsView | undefined {
    return this.#viewOf(this.#slots.get(id), moment) ?? this.#renew(id, moment);
  }

  /** At most `count` of the containers that exist, from the first that comes after `id`; from the first of all without. */
  viewsAfter(id: string | undefined, count: number): ObjectsView[] {
    const moment = momentOf(this.#options.clock);
    return this.#existing.after(id, count).map((slot) => this.#viewOf(slot, moment) ?? this.#renew(slot.id, moment)!);
  }

  /** The container as reads give it, absent where it does not exist. */
  container(id: string): Container | undefined {
    return shown(this.view(id));
  }

  /** The container of objects that were read from the cluster itself; what it shows counts for reads from memory too. */
  containerOf(id: string, objects: ContainerObjects): Container | undefined {
    const slot = this.#slots.get(id);
    const before = slot?.view;
    const view = viewObjects(objects, { ...this.#options.settings, moment: momentOf(this.#options.clock), before });
    if (slot && before !== undefined && before.uid === view?.uid) Object.assign(slot, { view, isTouched: true });
    return shown(view);
  }

  /** Brings what follows from the Deployments of a container up to date with them. */
  settle(id: string): void {
    const deployments = this.#options.sources.deployments.of(id);
    if (deployments.length === 0) {
      this.#slots.delete(id);
      this.#timers.cancel(id);
    } else this.#slot(id).isTouched = true;
    if (deployments.some(isCurrent)) this.#existing.add(this.#slot(id));
    else this.#existing.delete(id);
  }

  /** To be called where other objects of a container have changed. */
  touch(id: string): void {
    const slot = this.#slots.get(id);
    if (slot !== undefined) slot.isTouched = true;
  }

  /** Does so for all containers at once, where all Deployments were replaced. */
  settleAll(idsWithDeployments: Iterable<string>): void {
    const { deployments } = this.#options.sources;
    const exists = (id: string) => deployments.of(id).some(isCurrent);
    this.#existing.replace([...idsWithDeployments].filter(exists).map((id) => this.#slot(id)));
  }

  /** To be called where the objects of any number of containers were replaced. */
  touchAll(): void {
    for (const slot of this.#slots.values()) slot.isTouched = true;
  }

  #slot(id: string): Slot {
    let slot = this.#slots.get(id);
    if (slot === undefined) this.#slots.set(id, (slot = { id, view: undefined, isTouched: true }));
    return slot;
  }

  /** The view as it is, where nothing has changed since. */
  #viewOf(slot: Slot | undefined, moment: Moment): ObjectsView | undefined {
    if (slot?.view === undefined || slot.view.validUntil <= moment.elapsed) return undefined;
    if (slot.isTouched && !this.#areOf(slot.id, slot.view.objects)) return undefined;
    slot.isTouched = false;
    return slot.view;
  }

  #areOf(id: string, objects: ContainerObjects): boolean {
    const { deployments, services, pods } = this.objects(id);
    return objects.deployments === deployments && objects.services === services && objects.pods === pods;
  }

  #renew(id: string, moment: Moment): ObjectsView | undefined {
    const before = this.#slots.get(id)?.view;
    const view = viewObjects(this.objects(id), { ...this.#options.settings, moment, before });
    if (view === undefined) return undefined;
    Object.assign(this.#slot(id), { view, isTouched: false });
    this.#timers.plan(id, view.validUntil);
    return view;
  }
}

function shown(view: ContainerView | undefined): Container | undefined {
  return view === undefined || view.status === 'DELETED' ? undefined : view.container;
}

/** Items in the order of the code points of their ids, for pages that begin behind any id. */
export class SortedById<Item extends { readonly id: string }> implements Iterable<Item> {
  #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.#items.values();
  }

  has(id: string): boolean {
    return this.#items[this.#position(id)]?.id === id;
  }

  /** Unless there is one of its id. */
  add(item: Item): void {
    const position = this.#position(item.id);
    if (this.#items[position]?.id !== item.id) this.#items.splice(position, 0, item);
  }

  /** Takes these in the place of all; no two have the same id. */
  replace(items: readonly Item[]): void {
    this.#items = items.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  }

  delete(id: string): void {
    const position = this.#position(id);
    if (this.#items[position]?.id === id) this.#items.splice(position, 1);
  }

  /** At most `count` items, from the first that comes after `id`; from the first of all where `id` is absent. */
  after(id: string | undefined, count: number): Item[] {
    if (id === undefined) return this.#items.slice(0, count);
    const position = this.#position(id);
    const start = this.#items[position]?.id === id ? position + 1 : position;
    return this.#items.slice(start, start + count);
  }

  /** Where `id` is, or would be put in. Ids are ASCII, so that JavaScript's order is that of the code points. */
  #position(id: string): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#items[middle]!.id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
