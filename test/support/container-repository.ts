/** A repository in memory, with the behaviour that its interface promises and no cluster. */
import { randomContainerId, containerPath } from '../../src/containers/container-id.ts';
import type { Container, ContainerSpec } from '../../src/containers/container.ts';
import { ConflictError, NotFoundError } from '../../src/containers/errors.ts';
import { decodePageToken, encodePageToken } from '../../src/containers/page-token.ts';
import type { CallOptions, ContainerPage, ContainerRepository } from '../../src/containers/repository.ts';

type Method = keyof ContainerRepository;

export class InMemoryContainerRepository implements ContainerRepository {
  readonly containers = new Map<string, Container>();
  /** How many calls have begun. */
  calls = 0;
  /** Called at the beginning of every call: a test makes it wait or throw. */
  intercept: (method: Method, options: CallOptions) => Promise<void> | void = () => undefined;

  async create({ id = randomContainerId(), spec }: { id?: string; spec: ContainerSpec }, options: CallOptions) {
    await this.#begin('create', options);
    if (this.containers.has(id)) throw new ConflictError(`There is a container "${id}" already.`);
    const now = new Date().toISOString();
    const container: Container = {
      id,
      path: containerPath(id),
      status: 'PENDING',
      create_time: now,
      update_time: now,
      spec: { ...spec, metadata: { ...spec.metadata, namespace: 'default' } },
    };
    this.containers.set(id, container);
    return container;
  }

  async get(id: string, options: CallOptions): Promise<Container> {
    await this.#begin('get', options);
    const container = this.containers.get(id);
    if (!container) throw new NotFoundError(`There is no container "${id}".`);
    return container;
  }

  async list(page: { pageSize: number; pageToken?: string }, options: CallOptions): Promise<ContainerPage> {
    await this.#begin('list', options);
    const after = page.pageToken === undefined ? '' : decodePageToken(page.pageToken);
    const rest = [...this.containers.keys()].filter((id) => id > after).sort();
    const ids = rest.slice(0, page.pageSize);
    return {
      containers: ids.map((id) => this.containers.get(id)!),
      ...(rest.length > ids.length && { nextPageToken: encodePageToken(ids.at(-1)!) }),
    };
  }

  async delete(id: string, options: CallOptions): Promise<void> {
    await this.#begin('delete', options);
    if (!this.containers.delete(id)) throw new NotFoundError(`There is no container "${id}".`);
  }

  async #begin(method: Method, options: CallOptions): Promise<void> {
    this.calls++;
    await this.intercept(method, options);
  }
}
