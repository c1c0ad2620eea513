/** A client of the provider that does whatever comes to its mind, and knows what it must be answered. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../../generated/client.ts';
import { containerSpec, images, withImage, withPorts } from '../../support/base-spec.ts';
import { listIds } from '../../support/containers.ts';
import type { Workloads } from '../../support/workloads.ts';
import type { Chance } from './random.ts';

export interface SoakClientOptions {
  /** The first part of the ids of its containers, which are nobody else's. */
  name: string;
  client: Client;
  workloads: Workloads;
  chance: Chance;
  /** Told of each thing that was done, with the status of the answer where there was one. */
  onDone: (what: string) => void;
}

const containersEach = 4;

/** How long the provider may take for any answer, on a machine that is busy: it has been told to take 3 s at most. */
const answerBoundMs = 15_000;

const troubles = ['evict a Pod', 'delete a Pod', 'scale to zero', 'scale to one', 'delete a Deployment'] as const;
type Trouble = (typeof troubles)[number];

/** A cluster that hangs is not waited for to make trouble. */
const meddlingBoundMs = 5_000;

export class SoakClient {
  readonly #options: SoakClientOptions;
  /** Containers and whether they are there; what is unclear after a 503 is left alone from then on. */
  readonly #known = new Map<string, boolean>();
  /** What it was answered, and must not be. */
  readonly wrong: string[] = [];
  #made = 0;

  constructor(options: SoakClientOptions) {
    this.#options = options;
    while (this.#known.size < containersEach) this.#know();
  }

  /** One thing, whatever it is. */
  async act(): Promise<void> {
    const { chance, onDone } = this.#options;
    const id = chance.pick([...this.#known.keys()]);
    const isThere = this.#known.get(id)!;
    const dice = chance.next();
    const startedAt = performance.now();
    if (dice < 0.15) onDone(await this.#list());
    else if (dice < 0.35) onDone(`read: ${await this.#read(id)}`);
    else if (!isThere) onDone(`create: ${await this.#create(id)}`);
    else if (dice < 0.65) onDone(`delete: ${await this.#delete(id)}`);
    else onDone(await this.#meddle(id));
    const tookMs = performance.now() - startedAt;
    if (tookMs > answerBoundMs) this.wrong.push(`it took ${Math.round(tookMs)} ms`);
  }

  #know(): void {
    this.#known.set(`${this.#options.name}-${this.#made++}`, false);
  }

  /** Nobody can know whether it is there, now or in a moment. */
  #giveUp(id: string): void {
    this.#known.delete(id);
    this.#know();
  }

  #complain(what: string, status: number, problem: unknown): void {
    this.wrong.push(`${what}: ${status} ${JSON.stringify(problem)}`);
  }

  async #create(id: string): Promise<number> {
    const { client, chance } = this.#options;
    const spec = chance.pick([
      containerSpec(),
      withPorts({ 80: 'internal' }),
      withPorts({ 80: 'external', 81: 'internal' }),
      withImage(images.crashes),
      withImage(images.missing),
    ]);
    const { response, error } = await client.POST('/containers', { params: { query: { id } }, body: { spec } });
    if (isRefusedForNow(response.status, error)) this.#giveUp(id);
    else if (response.status !== 201) this.#complain(`create ${id}, which is not there`, response.status, error);
    else {
      this.#known.set(id, true);
      await this.#read(id);
    }
    return response.status;
  }

  async #delete(id: string): Promise<number> {
    const path = { container_id: id };
    const { response, error } = await this.#options.client.DELETE('/containers/{container_id}', { params: { path } });
    if (isRefusedForNow(response.status, error)) this.#giveUp(id);
    else if (response.status !== 204) this.#complain(`delete ${id}, which is there`, response.status, error);
    else {
      this.#known.set(id, false);
      await this.#read(id);
    }
    return response.status;
  }

  /** What is there is in memory. Of what is not, the cluster is asked, which may be away. */
  async #read(id: string): Promise<number> {
    const path = { container_id: id };
    const { response, error } = await this.#options.client.GET('/containers/{container_id}', { params: { path } });
    const isThere = this.#known.get(id) ?? false;
    const isRight = isThere
      ? response.status === 200
      : response.status === 404 || isRefusedForNow(response.status, error);
    if (!isRight) this.#complain(`read ${id}`, response.status, error);
    return response.status;
  }

  async #list(): Promise<string> {
    const listed = new Set(await listIds(this.#options.client, 7));
    for (const [id, isThere] of this.#known) {
      if (listed.has(id) !== isThere) this.wrong.push(`${id} is ${isThere ? 'not ' : ''}in the list`);
    }
    return 'list: 200';
  }

  /** Behind the provider's back. The cluster may be away: then nothing comes of it. */
  async #meddle(id: string): Promise<string> {
    const what = this.#options.chance.pick(troubles);
    if (what === 'delete a Deployment') this.#giveUp(id);
    const tooLate = delay(meddlingBoundMs, undefined, { ref: false }).then(() => {
      throw new Error('the cluster does not answer');
    });
    try {
      await Promise.race([tooLate, this.#carryOut(what, id)]);
      return what;
    } catch {
      return `${what}: in vain`;
    }
  }

  async #carryOut(what: Trouble, id: string): Promise<void> {
    const { workloads } = this.#options;
    if (what === 'delete a Deployment') await workloads.delete('deployments', `dcm-${id}`);
    else if (what === 'scale to zero' || what === 'scale to one') {
      await workloads.patch('deployments', `dcm-${id}`, { spec: { replicas: what === 'scale to one' ? 1 : 0 } });
    } else {
      const pods = await workloads.of('pods', id);
      const pod = pods.find(({ metadata }) => metadata.deletionTimestamp === undefined);
      if (pod === undefined) throw new Error(`${id} has no Pod`);
      if (what === 'evict a Pod') await workloads.evict(pod);
      else await workloads.delete('pods', pod.metadata.name);
    }
  }
}

/** An API server that has just started knows nobody's permissions for a moment, and says so as if there were none. */
function isRefusedForNow(status: number, problem: { detail?: string } | undefined): boolean {
  return status === 503 || (status === 500 && problem?.detail === 'The provider lacks a permission in the cluster.');
}
