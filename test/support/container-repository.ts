/** A repository in memory, with the behaviour that its interface promises and no cluster. */
import { containerPath } from '../../src/containers/container.ts';
import type { Container, ContainerSpec } from '../../src/containers/container.ts';
import { entityTagOf } from '../../src/containers/entity-tag.ts';
import { idempotencyRecord, matchIdempotency, KeyedDeletes } from '../../src/containers/idempotency.ts';
import type { IdempotencyRecord } from '../../src/containers/idempotency.ts';
import { ConflictError, KeyReusedError, NotFoundError, PreconditionFailedError } from '../../src/containers/errors.ts';
import { decodePageToken, encodePageToken } from '../../src/containers/page-token.ts';
import type {
  CallOptions,
  ContainerPage,
  ContainerRepository,
  CreateRequest,
  DeleteOptions,
  KeyedCreateRequest,
  PageRequest,
  UpdateRequest,
} from '../../src/containers/repository.ts';

type Method = keyof ContainerRepository;

export class InMemoryContainerRepository implements ContainerRepository {
  readonly containers = new Map<string, Container>();
  readonly #records = new Map<string, IdempotencyRecord>();
  readonly keyedDeletes = new KeyedDeletes();
  /** How many calls have begun. */
  calls = 0;
  /** Called at the beginning of every call: a test makes it wait or throw. */
  intercept: (method: Method, options: CallOptions) => Promise<void> | void = () => undefined;

  async create({ id, spec }: CreateRequest, options: CallOptions) {
    await this.#begin('create', options);
    if (this.containers.has(id)) throw new ConflictError(`There is a container "${id}" already.`);
    const container = freshContainer(id, spec);
    this.containers.set(id, container);
    return container;
  }

  async createOnce({ key, id, spec }: KeyedCreateRequest, options: CallOptions) {
    const asked = idempotencyRecord(key, id, spec);
    const kept = this.#records.get(id);
    const container = this.containers.get(id);
    if (container && kept) {
      await this.#begin('createOnce', options);
      if (matchIdempotency(kept, asked) !== 'same-request') throw new KeyReusedError(`The key made ${id}.`);
      return { container, replayed: true };
    }
    const created = await this.create({ id, spec }, options);
    this.#records.set(id, asked);
    return { container: created, replayed: false };
  }

  async validate({ id, spec }: CreateRequest, options: CallOptions): Promise<Container> {
    await this.#begin('validate', options);
    if (this.containers.has(id)) throw new ConflictError(`There is a container "${id}" already.`);
    return freshContainer(id, spec);
  }

  async get(id: string, options: CallOptions): Promise<Container> {
    await this.#begin('get', options);
    const container = this.containers.get(id);
    if (!container) throw new NotFoundError(`There is no container "${id}".`);
    return container;
  }

  async update({ id, change, isFor, validateOnly }: UpdateRequest, options: CallOptions): Promise<Container> {
    await this.#begin('update', options);
    const container = this.containers.get(id);
    if (!container) throw new NotFoundError(`There is no container "${id}".`);
    if (isFor?.(entityTagOf(container)) === false)
      throw new PreconditionFailedError(`The container "${id}" has changed.`);
    const spec = change({ spec: container.spec, hintsApply: true });
    const updated = { ...container, spec: { ...spec, metadata: { ...spec.metadata, namespace: 'default' } } };
    if (!validateOnly) this.containers.set(id, updated);
    return updated;
  }

  async restart(id: string, options: CallOptions): Promise<Container> {
    await this.#begin('restart', options);
    const container = this.containers.get(id);
    if (!container) throw new NotFoundError(`There is no container "${id}".`);
    return container;
  }

  async list(page: PageRequest, options: CallOptions): Promise<ContainerPage> {
    await this.#begin('list', options);
    const { filter, fits, pageSize } = page;
    const after = page.pageToken === undefined ? '' : decodePageToken(page.pageToken, filter?.text);
    const rest = [...this.containers.values()]
      .filter((container) => container.id > after && filter?.matches(container) !== false)
      .sort((left, right) => (left.id < right.id ? -1 : 1));
    const fitting = rest.findIndex((container, index) => fits?.(container) === false && index > 0);
    const containers = rest.slice(0, fitting < 0 ? pageSize : Math.min(fitting, pageSize));
    const isLast = rest.length === containers.length;
    return { containers, ...(!isLast && { nextPageToken: encodePageToken(containers.at(-1)!.id, filter?.text) }) };
  }

  async delete(id: string, options: DeleteOptions): Promise<void> {
    await this.#begin('delete', options);
    const { key } = options;
    if (key !== undefined && this.keyedDeletes.has(`${id} ${key}`)) return;
    if (this.containers.delete(id)) {
      if (key !== undefined) this.keyedDeletes.note(`${id} ${key}`);
    } else if (key === undefined) throw new NotFoundError(`There is no container "${id}".`);
  }

  async #begin(method: Method, options: CallOptions): Promise<void> {
    this.calls++;
    await this.intercept(method, options);
  }
}

function freshContainer(id: string, spec: ContainerSpec): Container {
  const now = new Date().toISOString();
  return {
    id,
    path: containerPath(id),
    status: 'PENDING',
    reconciling: true,
    create_time: now,
    update_time: now,
    spec: { ...spec, metadata: { ...spec.metadata, namespace: 'default' } },
  };
}
