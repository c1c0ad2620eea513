/** Replicas under load that are killed, frozen, cut off and replaced, again and again, and what is seen after each. */
import type { AuditLog } from '../../support/audit-log.ts';
import { deleteContainer, listIds } from '../../support/containers.ts';
import { until } from '../../support/until.ts';
import { chanceOf } from '../soak/random.ts';
import type { Chance } from '../soak/random.ts';
import type { Probe } from '../soak/soak.ts';
import { keysAre } from './bucket.ts';
import { allFaults, Fleet, survivableFaults } from './fleet.ts';
import type { Fault } from './fleet.ts';
import { growthOf } from './memory.ts';
import type { Growth, MemoryReading } from './memory.ts';
import { churn } from './replicas.ts';
import type { Churned, Replicas } from './replicas.ts';
import { lateSenders } from './senders.ts';
import type { LateSender } from './senders.ts';
import { judgeWrites } from './writes.ts';
import type { WriteReport } from './writes.ts';

export interface ReplicasSoakOptions {
  replicas: Replicas;
  /** Of each replica, by its name. */
  probes: ReadonlyMap<string, Probe>;
  audit: Pick<AuditLog, 'readWrites'>;
  seed: number;
  milliseconds: number;
  /** Told how it goes, line by line. */
  tell: (line: string) => void;
}

/** Those who make containers come and go, and how. */
const churns = 2;
const churning = { keep: 15, pauseMs: 150 };

const eventsBeforeFault = 20;

/** Containers whose Service is taken away in each round: the leader makes them new. */
const servicesRemoved = 2;

/** One fault, and what is seen once all is well again. */
export interface Round {
  /** Its number, and its fault. */
  name: string;
  /** What a replica refused that was in no trouble. */
  unexcused: string[];
  /** Names of those that lead. */
  leaders: string[];
  /** Of all rounds so far. */
  late: LateSender[];
}

export interface ProcessGrowth extends Growth {
  /** What of which process, in words. */
  of: string;
}

export class ReplicasSoak {
  readonly #options: ReplicasSoakOptions;
  readonly #fleet: Fleet;
  /** By the replica's name. */
  readonly #readings = new Map<string, MemoryReading[]>();
  #rounds = 0;
  #deleted = 0;
  #excused = 0;

  constructor(options: ReplicasSoakOptions) {
    this.#options = options;
    this.#fleet = new Fleet(options.replicas);
  }

  /** A third of the time all faults, in the other two thirds those that the processes survive, each at least once. */
  async *rounds(): AsyncGenerator<Round> {
    const { seed, milliseconds, tell } = this.#options;
    tell(`seed ${seed}, ${milliseconds / 1_000} s: SP_TEST_SEED=${seed} draws the same again`);
    const chance = chanceOf(seed);
    yield* this.#draw(allFaults, milliseconds / 3, chance);
    yield* this.#draw(survivableFaults, (milliseconds * 2) / 3, chance);
    tell(this.#describeEvents());
  }

  /** Like cards, until the time is over and each was drawn. */
  async *#draw(faults: Readonly<Record<string, Fault>>, milliseconds: number, chance: Chance): AsyncGenerator<Round> {
    const endAt = performance.now() + milliseconds;
    const names = Object.keys(faults);
    let deck: string[] = [];
    for (let drawn = 0; drawn < names.length || performance.now() < endAt; drawn += 1) {
      if (deck.length === 0) deck = names;
      const name = chance.pick(deck);
      deck = deck.filter((other) => other !== name);
      yield await this.#round(name, faults[name]!);
    }
  }

  async #round(name: string, fault: Fault): Promise<Round> {
    this.#rounds += 1;
    const { replicas, tell } = this.#options;
    const { received } = replicas.system.events;
    const startedAt = performance.now();
    const seconds = (): number => Math.round((performance.now() - startedAt) / 1_000);
    await this.#removeServices();
    const prefix = `round-${this.#rounds}`;
    const works = Array.from({ length: churns }, (_, index) =>
      churn(() => this.#fleet.serving, `${prefix}-${index}`, churning),
    );
    const before = received.length;
    let churned: Churned[] = [];
    try {
      await until('there is something to lose', () => received.length > before + eventsBeforeFault);
      await fault(this.#fleet);
    } finally {
      churned = await Promise.all(works.map((work) => work.end()));
    }
    const unexcused = this.#unexcused(churned);
    const overAfter = seconds();
    for (const replica of this.#fleet.running) await replicas.healed(replica);
    const leaders = this.#fleet.leaders.map((leader) => leader.name);
    const late = lateSenders(received, replicas.all);
    await this.#cleanUp(prefix);
    const memory = await this.#readMemory();
    tell(`${prefix}, ${name}: over after ${overAfter} s, well after ${seconds()} s; ${memory}`);
    return { name: `${prefix}, ${name}`, unexcused, leaders, late };
  }

  /** Behind the back of the replicas, of containers of the round before. */
  async #removeServices(): Promise<void> {
    const { cluster } = this.#options.replicas.system;
    const path = `/api/v1/namespaces/${cluster.namespace}/services`;
    const response = await cluster.request('GET', path);
    const services = (response.body as { items: { metadata: { name: string } }[] }).items;
    for (const { metadata } of services.slice(0, servicesRemoved)) {
      await cluster.request('DELETE', `${path}/${metadata.name}`);
    }
  }

  #unexcused(churned: readonly Churned[]): string[] {
    const refused = churned.flatMap((each) => each.refused);
    const unexcused = refused.filter((refusal) => !this.#fleet.isExcused(refusal));
    this.#excused += refused.length - unexcused.length;
    this.#deleted += churned.reduce((sum, { deleted }) => sum + deleted.length, 0);
    return unexcused.map(({ replica, message }) => `${replica.name}: ${message}`);
  }

  /** Deletes the containers of former rounds, and waits until the bucket knows. */
  async #cleanUp(prefix: string): Promise<void> {
    const { client } = this.#fleet.running[0]!;
    for (const id of await listIds(client)) if (!id.startsWith(`${prefix}-`)) await deleteContainer(client, id);
    await keysAre(this.#options.replicas, () => listIds(client));
  }

  async #readMemory(): Promise<string> {
    const texts: string[] = [];
    for (const { name } of this.#fleet.running) {
      const { heapUsed, residentMemory } = await this.#options.probes.get(name)!.read();
      this.#readings.set(name, [...(this.#readings.get(name) ?? []), { heapUsed, residentMemory }]);
      texts.push(`${name} ${megabytes(heapUsed)} of heap, ${megabytes(residentMemory)} resident`);
    }
    return texts.join('; ');
  }

  #describeEvents(): string {
    const { system, all } = this.#options.replicas;
    const { received } = system.events;
    const late = lateSenders(received, all);
    const containers = new Set(received.map(({ event }) => event.data.id)).size;
    return (
      `${this.#rounds} rounds, ${all.length} processes, ${this.#deleted} containers deleted, ` +
      `${this.#excused} requests refused by a replica in trouble, ${received.length} events of ${containers} containers, ` +
      `of which late after a take-over: ${JSON.stringify(late)}`
    );
  }

  async writes(): Promise<WriteReport> {
    const { audit, replicas, tell } = this.#options;
    const report = judgeWrites(await audit.readWrites(), replicas.all);
    for (const [name, { asked, repairs, lease }] of report.counts) {
      tell(`writes of ${name}: ${asked} asked for, ${repairs} repairs as the leader, ${lease} of the Lease`);
    }
    return report;
  }

  /** Of the processes that run at the end. */
  growth(): ProcessGrowth[] {
    return this.#fleet.running.flatMap(({ name }) =>
      (['heapUsed', 'residentMemory'] as const).map((what) => {
        const readings = this.#readings.get(name)!;
        const growth = growthOf(readings, what);
        const { first, last, noise } = growth;
        const of =
          `${what} of ${name}, ${readings.length} readings: ${megabytes(first)} in the first third, ` +
          `${megabytes(last)} in the last, noise ${megabytes(noise)}`;
        this.#options.tell(of);
        return { ...growth, of };
      }),
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
