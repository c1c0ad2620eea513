/** The containers of one namespace: reads from memory while that is live, writes to the cluster. */
import { setImmediate } from 'node:timers/promises';
import type { Container, ContainerSpec } from '../containers/container.ts';
import { NotFoundError, UnavailableError } from '../containers/errors.ts';
import { decodePageToken, encodePageToken } from '../containers/page-token.ts';
import { digestOfDelete } from '../containers/idempotency.ts';
import type {
  CallOptions,
  ContainerPage,
  ContainerRepository,
  CreateRequest,
  DeleteOptions,
  KeyedCreateRequest,
  PageRequest,
  UpdateRequest,
} from '../containers/repository.ts';
import { orAborted } from '../time.ts';
import type { ClusterContext } from './operations/cluster-context.ts';
import { createContainer, refuseTakenId, validateContainer } from './operations/create-container.ts';
import { createOnce } from './operations/create-once.ts';
import { deleteContainer } from './operations/delete-container.ts';
import { cachedObjects, lookUpObjects, requireSingleDeployment, SharedLookUp } from './operations/look-up.ts';
import { restartContainer } from './operations/restart-container.ts';
import { updateContainer } from './operations/update-container.ts';
import { translateError } from './translate-error.ts';

/** How many containers a list with a filter looks at before it lets others be served. */
const filteredAtOnce = 500;

export class ClusterContainerRepository implements ContainerRepository {
  readonly #context: ClusterContext;
  readonly #firstListMs: number;
  readonly #lookUp: SharedLookUp;
  readonly #writes = new Set<Promise<unknown>>();
  readonly #turns = new Turns();

  /** @param firstListMs - how long a list waits for caches that were never filled, in milliseconds */
  constructor(context: ClusterContext, firstListMs: number) {
    this.#context = context;
    this.#lookUp = new SharedLookUp(context);
    this.#firstListMs = firstListMs;
  }

  /** The id is checked under the request's signal; once the first write is on its way, the rest takes its own time. */
  async create({ id, spec }: CreateRequest, { signal }: CallOptions) {
    return await this.#translating(
      id,
      async () => {
        await refuseTakenId(this.#context, id, signal);
        signal.throwIfAborted();
        return await this.#tracking(createContainer(this.#context, { id, spec }));
      },
      { spec },
    );
  }

  async createOnce({ key, id, spec }: KeyedCreateRequest, { signal }: CallOptions) {
    const create: typeof createContainer = (context, request) => this.#tracking(createContainer(context, request));
    return await this.#translating(id, () => createOnce(this.#context, { id, spec, key }, { signal, create }), {
      spec,
    });
  }

  async validate({ id, spec }: CreateRequest, { signal }: CallOptions): Promise<Container> {
    return await this.#translating(id, () => validateContainer(this.#context, { id, spec }, signal), { spec });
  }

  async get(id: string, { signal }: CallOptions): Promise<Container> {
    const context = this.#context;
    const objects = cachedObjects(context, id);
    if (objects) {
      requireSingleDeployment(id, objects);
      return context.caches.index.container(id)!;
    }
    this.#requirePermissions();
    return await this.#translating(id, async () => {
      const found = await this.#lookUp.objects(id, signal);
      requireSingleDeployment(id, found);
      return context.caches.index.containerOf(id, found)!;
    });
  }

  /** An id that two Deployments carry is listed once, as the older of them. */
  async list({ pageSize, pageToken, filter, fits }: PageRequest, call: CallOptions): Promise<ContainerPage> {
    let lastId = pageToken === undefined ? undefined : decodePageToken(pageToken, filter?.text);
    const { caches } = this.#context;
    this.#requirePermissions();
    if (!caches.isFilled) await this.#firstFill(call.signal);
    if (caches.isCutOff) {
      throw new UnavailableError('The cluster has not been heard of for too long.');
    }
    const containers: Container[] = [];
    const count = filter ? filteredAtOnce : pageSize + 1;
    for (;;) {
      const views = caches.index.viewsAfter(lastId, count);
      for (const view of views) {
        if (filter?.matches(view) === false) continue;
        const { container } = view;
        if (containers.length === pageSize || (fits?.(container) === false && containers.length > 0)) {
          return { containers, nextPageToken: encodePageToken(containers.at(-1)!.id, filter?.text) };
        }
        containers.push(container);
      }
      if (views.length < count) return { containers };
      lastId = views.at(-1)!.id;
      // Others are served between two steps.
      await setImmediate();
      call.signal.throwIfAborted();
    }
  }

  /** @throws UnavailableError where the provider may not read what containers are made of */
  #requirePermissions(): void {
    const { forbidden } = this.#context.caches;
    if (forbidden === undefined) return;
    const message = `The provider lacks a permission in the cluster: it may not ${forbidden.verb} ${forbidden.resource}.`;
    throw new UnavailableError(message);
  }

  async #firstFill(signal: AbortSignal): Promise<void> {
    const patience = AbortSignal.timeout(this.#firstListMs);
    try {
      await orAborted(this.#context.caches.filled, AbortSignal.any([signal, patience]));
    } catch (error) {
      if (!patience.aborted || signal.aborted) throw error;
      this.#requirePermissions();
      throw new UnavailableError('The cluster has not been reached yet.');
    }
  }

  async delete(id: string, { signal, key }: DeleteOptions): Promise<void> {
    const digest = key === undefined ? undefined : digestOfDelete(key, id);
    try {
      await this.#translating(id, () => this.#delete(id, signal, digest));
    } catch (error) {
      // What was asked for holds; without a key it is told that there was nothing to do.
      if (digest === undefined || !(error instanceof NotFoundError)) throw error;
    }
  }

  async #delete(id: string, signal: AbortSignal, digest: string | undefined): Promise<void> {
    const context = this.#context;
    for (const known of [cachedObjects(context, id), undefined]) {
      const objects = known ?? (await lookUpObjects(context, id, { signal }));
      const deployment = requireSingleDeployment(id, objects);
      // The one that was meant has gone, and this one was made since.
      if (digest !== undefined && context.keyedDeletes.has(digest)) return;
      signal.throwIfAborted();
      const outcome = await this.#tracking(deleteContainer(context, deployment, objects, digest));
      if (outcome === 'deleted') return;
      if (outcome === 'absent' && known === undefined) throw new NotFoundError(`There is no container ${id}.`);
    }
    throw new UnavailableError(`The container ${id} is being replaced again and again.`, 1);
  }

  async update({ change, ...request }: UpdateRequest, { signal }: CallOptions): Promise<Container> {
    const { id } = request;
    const asked: { spec?: ContainerSpec } = {};
    const remember: UpdateRequest['change'] = (current) => (asked.spec = change(current));
    const update = () => this.#tracking(updateContainer(this.#context, { ...request, change: remember }, signal));
    return await this.#translating(id, () => this.#turns.take(id, signal, update), asked);
  }

  async restart(id: string, { signal }: CallOptions): Promise<Container> {
    return await this.#translating(id, () => this.#tracking(restartContainer(this.#context, id, signal)));
  }

  /** Resolves when no write is going on any more; each ends within its own deadline. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async #tracking<T>(write: Promise<T>): Promise<T> {
    this.#writes.add(write);
    try {
      return await write;
    } finally {
      this.#writes.delete(write);
    }
  }

  /** @param asked - with what is written, once that is known */
  async #translating<T>(
    containerId: string,
    operation: () => Promise<T>,
    asked: { spec?: ContainerSpec } = {},
  ): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      const { namespace, caches } = this.#context;
      const log = this.#context.log.child({ containerId });
      const mayBeLoading = caches.blindMs > 0 && caches.forbidden === undefined;
      throw translateError(error, { log, namespace, mayBeLoading, ...asked });
    }
  }
}

/** One at a time of those that concern one container: they would only be in each other's way. */
class Turns {
  /** By the container's id: what the last one waits for. */
  readonly #last = new Map<string, Promise<undefined>>();

  /**
   * Does it once those that came before are done, whatever became of them.
   *
   * @throws the signal's reason, where that comes before its turn
   */
  async take<T>(id: string, signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
    const { promise: done, resolve: leave } = Promise.withResolvers<undefined>();
    const before = this.#last.get(id);
    const turn = before === undefined ? done : before.then(() => done);
    this.#last.set(id, turn);
    try {
      if (before !== undefined) await orAborted(before, signal);
      return await operation();
    } finally {
      leave(undefined);
      if (this.#last.get(id) === turn) this.#last.delete(id);
    }
  }
}
