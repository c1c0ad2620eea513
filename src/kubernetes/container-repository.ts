/** The containers of one namespace: reads from memory while that is live, writes to the cluster. */
import type { Container, ContainerSpec } from '../containers/container.ts';
import { randomContainerId } from '../containers/container-id.ts';
import { NotFoundError, UnavailableError } from '../containers/errors.ts';
import { decodePageToken, encodePageToken } from '../containers/page-token.ts';
import type { CallOptions, ContainerPage, ContainerRepository } from '../containers/repository.ts';
import { orAborted } from './api/abort.ts';
import { buildContainer } from './objects/build-container.ts';
import type { ClusterContext } from './operations/cluster-context.ts';
import { createContainer, refuseTakenId } from './operations/create-container.ts';
import { deleteContainer } from './operations/delete-container.ts';
import { lookUpObjects, remembered, theDeployment } from './operations/look-up.ts';
import { translateError } from './api/translate-error.ts';

/** When to ask again for a list that memory cannot give now, in seconds. */
const listRetryAfterSeconds = 5;

export class ClusterContainerRepository implements ContainerRepository {
  readonly #context: ClusterContext;
  readonly #writes = new Set<Promise<unknown>>();

  constructor(context: ClusterContext) {
    this.#context = context;
  }

  /** The id is checked under the request's signal; once the first write is on its way, the rest takes its own time. */
  async create({ id = randomContainerId(), spec }: { id?: string; spec: ContainerSpec }, { signal }: CallOptions) {
    return await this.#translating(async () => {
      await refuseTakenId(this.#context, id, signal);
      signal.throwIfAborted();
      return await this.#tracking(createContainer(this.#context, id, spec));
    }, spec);
  }

  async get(id: string, { signal }: CallOptions): Promise<Container> {
    const context = this.#context;
    const objects = remembered(context, id);
    if (objects) {
      theDeployment(id, objects);
      return context.caches.index.container(id)!;
    }
    return await this.#translating(async () => {
      const found = await lookUpObjects(context, id, { signal });
      theDeployment(id, found);
      return buildContainer(found, { namespace: context.namespace, now: Date.now() })!.container;
    });
  }

  /** An id that two Deployments carry is listed once, as the older of them. */
  async list({ pageSize, pageToken }: { pageSize: number; pageToken?: string }, { signal }: CallOptions) {
    const lastId = pageToken === undefined ? undefined : decodePageToken(pageToken);
    const { caches } = this.#context;
    if (!caches.isFilled) await orAborted(caches.filled, signal);
    if (caches.isCutOff) {
      throw new UnavailableError('The cluster has not been heard of for too long.', listRetryAfterSeconds);
    }
    const ids = caches.index.ids.after(lastId, pageSize + 1);
    const now = Date.now();
    const page: ContainerPage = { containers: ids.slice(0, pageSize).map((id) => caches.index.container(id, now)!) };
    if (ids.length > pageSize) page.nextPageToken = encodePageToken(ids[pageSize - 1]!);
    return page;
  }

  async delete(id: string, { signal }: CallOptions): Promise<void> {
    const context = this.#context;
    await this.#translating(async () => {
      for (const known of [remembered(context, id), undefined]) {
        const objects = known ?? (await lookUpObjects(context, id, { signal }));
        const deployment = theDeployment(id, objects);
        signal.throwIfAborted();
        const outcome = await this.#tracking(deleteContainer(context, deployment, objects));
        if (outcome === 'deleted') return;
        if (outcome === 'absent' && known === undefined) throw new NotFoundError(`There is no container ${id}.`);
      }
      throw new UnavailableError(`The container ${id} is being replaced again and again.`, 1);
    });
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

  async #translating<T>(operation: () => Promise<T>, spec?: ContainerSpec): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      const { log, namespace } = this.#context;
      throw translateError(error, { log, namespace, ...(spec && { spec }) });
    }
  }
}
