/** The cluster as memory has it: one store a kind, each kept up to date by its watch, and the index over all of them. */
import type { Logger } from 'pino';

import { orAborted } from '../api/abort.ts';
import type { KubernetesApi } from '../api/client.ts';
import { ContainerIndex } from './container-index.ts';
import { ObjectStore } from './object-store.ts';
import type { Resource, Resources } from '../api/resources.ts';
import { projectDeployment } from '../objects/project-deployment.ts';
import { projectPod } from '../objects/project-pod.ts';
import { projectService } from '../objects/project-service.ts';
import type { Records } from '../objects/records.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorBounds } from './reflector.ts';

export interface WatchCachesOptions {
  api: KubernetesApi;
  namespace: string;
  log: Logger;
  /** For how long after the last sign of life of a watch the caches still count as live, in milliseconds. */
  liveMs: number;
  reflector: ReflectorBounds;
}

interface Cache<Kind extends Resource> {
  store: ObjectStore<Records[Kind]>;
  reflector: Reflector<Kind>;
}

export class WatchCaches {
  readonly index: ContainerIndex;
  /** Resolves when all stores are filled; never rejects. */
  readonly filled: Promise<void>;
  readonly #caches: { [Kind in Resource]: Cache<Kind> };
  readonly #liveMs: number;
  readonly #listeners = new Set<(containerId: string) => void>();
  #isFilled = false;

  constructor({ api, namespace, log, liveMs, reflector: bounds }: WatchCachesOptions) {
    this.index = new ContainerIndex(namespace);
    this.#liveMs = liveMs;
    const cache = <Kind extends Resource>(
      resource: Kind,
      project: (object: Resources[Kind]) => Records[Kind] | undefined,
    ): Cache<Kind> => {
      const store = new ObjectStore<Records[Kind]>((before, after) => this.#change(resource, before, after));
      return { store, reflector: new Reflector({ api, resource, namespace, project, store, bounds, log }) };
    };
    this.#caches = {
      deployments: cache('deployments', projectDeployment),
      services: cache('services', projectService),
      pods: cache('pods', projectPod),
    };
    this.filled = Promise.all(this.#reflectors.map(({ filled }) => filled)).then(() => {
      this.#isFilled = true;
    });
  }

  start(): void {
    for (const reflector of this.#reflectors) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }

  /** Whether reads may be answered from memory. */
  get isLive(): boolean {
    return this.#isFilled && !this.isCutOff;
  }

  get isFilled(): boolean {
    return this.#isFilled;
  }

  /** Whether a watch has shown no sign of life for longer than the bound. */
  get isCutOff(): boolean {
    const oldest = Math.min(...this.#reflectors.map(({ lastSignOfLife }) => lastSignOfLife));
    return Date.now() - oldest > this.#liveMs;
  }

  /** Calls back with the id of every container of which an object changed. Returns the function that ends it. */
  onChange(listener: (containerId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Compares all stores with fresh lists. Rejects when a list fails; that store then is as it was. */
  async relist(signal: AbortSignal): Promise<void> {
    const relists = this.#reflectors.map((reflector) => reflector.relist());
    await orAborted(Promise.all(relists), signal);
  }

  /** Makes an own write visible: `record` is of what the API server answered. */
  write<Kind extends Resource>(kind: Kind, record: Records[Kind]): void {
    this.#caches[kind].store.write(record);
  }

  /** Makes an own delete visible. */
  hide(kind: Resource, uid: string): void {
    this.#caches[kind].store.hide(uid);
  }

  /** Whether this process has deleted the object. */
  isHidden(kind: Resource, uid: string): boolean {
    return this.#caches[kind].store.isHidden(uid);
  }

  get #reflectors() {
    const { deployments, services, pods } = this.#caches;
    return [deployments.reflector, services.reflector, pods.reflector];
  }

  #change<Kind extends Resource>(
    kind: Kind,
    before: Records[Kind] | undefined,
    after: Records[Kind] | undefined,
  ): void {
    this.index.change(kind, before, after);
    if (!this.#isFilled) return;
    for (const id of new Set([before?.containerId, after?.containerId])) {
      if (id !== undefined) for (const listener of this.#listeners) listener(id);
    }
  }
}
