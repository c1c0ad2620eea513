/** Replicas under load that are killed, frozen, cut off and replaced, again and again, and what must hold after each. */
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
import type { MemoryReading } from './memory.ts';
import { churn } from './replicas.ts';
import type { Churned, Replicas } from './replicas.ts';
import { lateSenders } from './senders.ts';
import { judgeWrites } from './writes.ts';

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

/** A batch of events that was under way when its sender was deposed. */
const batch = { events: 1_000, spanMs: 1_000 };

/** Those who make containers come and go, and how. */
const churns = 2;
const churning = { keep: 15, pauseMs: 150 };

const eventsBeforeFault = 20;

/** Containers whose Service is taken away in each round: the leader makes them new. */
const servicesRemoved = 2;

/**
 * A third of the time all faults, in the other two thirds those that the processes survive, each at least once. After each
 * fault all must be well; at the end nobody may have written what nobody asked for, and no process may have grown.
 *
 * @throws Error that says what was wrong
 */
export async function soakReplicas(options: ReplicasSoakOptions): Promise<void> {
  const { seed, milliseconds, tell } = options;
  tell(`seed ${seed}, ${milliseconds / 1_000} s: SP_TEST_SEED=${seed} draws the same again`);
  const chance = chanceOf(seed);
  const soak = new ReplicasSoak(options);
  await soak.run(allFaults, milliseconds / 3, chance);
  await soak.run(survivableFaults, (milliseconds * 2) / 3, chance);
  tell(soak.describeEvents());
  const faults = [...(await soak.judgeWrites()), ...soak.judgeMemory()];
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

class ReplicasSoak {
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

  /** Draws the faults like cards, until the time is over and each was drawn. */
  async run(faults: Readonly<Record<string, Fault>>, milliseconds: number, chance: Chance): Promise<void> {
    const endAt = performance.now() + milliseconds;
    const names = Object.keys(faults);
    let deck: string[] = [];
    for (let drawn = 0; drawn < names.length || performance.now() < endAt; drawn += 1) {
      if (deck.length === 0) deck = names;
      const name = chance.pick(deck);
      deck = deck.filter((other) => other !== name);
      await this.#round(name, faults[name]!);
    }
  }

  async #round(name: string, fault: Fault): Promise<void> {
    this.#rounds += 1;
    const startedAt = performance.now();
    const seconds = (): number => Math.round((performance.now() - startedAt) / 1_000);
    await this.#removeServices();
    const prefix = `round-${this.#rounds}`;
    const works = Array.from({ length: churns }, (_, index) =>
      churn(() => this.#fleet.serving, `${prefix}-${index}`, churning),
    );
    const { received } = this.#options.replicas.system.events;
    const before = received.length;
    try {
      await until('there is something to lose', () => received.length > before + eventsBeforeFault);
      await fault(this.#fleet);
    } finally {
      this.#assertExcused(await Promise.all(works.map((work) => work.end())));
    }
    const overAfter = seconds();
    await this.#assertWell(prefix);
    const memory = await this.#readMemory();
    this.#options.tell(`${prefix}, ${name}: over after ${overAfter} s, well after ${seconds()} s; ${memory}`);
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

  #assertExcused(churned: readonly Churned[]): void {
    const refused = churned.flatMap((each) => each.refused);
    const unexcused = refused.filter((refusal) => !this.#fleet.isExcused(refusal));
    if (unexcused.length > 0) {
      throw new Error(unexcused.map(({ replica, message }) => `${replica.name}: ${message}`).join('\n'));
    }
    this.#excused += refused.length;
    this.#deleted += churned.reduce((sum, { deleted }) => sum + deleted.length, 0);
  }

  async #assertWell(prefix: string): Promise<void> {
    const { replicas } = this.#options;
    for (const replica of this.#fleet.running) await replicas.healed(replica);
    const leaders = this.#fleet.leaders.map(({ name }) => name);
    if (leaders.length !== 1) throw new Error(`${leaders.length} replicas lead: ${leaders.join(', ')}`);
    const late = lateSenders(replicas.system.events.received, replicas.all);
    const atOnce = late.filter(({ count, spanMs }) => count > batch.events || spanMs > batch.spanMs);
    if (atOnce.length > 0) throw new Error(`two replicas sent at once: ${JSON.stringify(atOnce)}`);

    const { client } = this.#fleet.running[0]!;
    for (const id of await listIds(client)) if (!id.startsWith(`${prefix}-`)) await deleteContainer(client, id);
    await keysAre(replicas, () => listIds(client));
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

  describeEvents(): string {
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

  /** @returns what was wrong */
  async judgeWrites(): Promise<string[]> {
    const { audit, replicas, tell } = this.#options;
    const { counts, faults } = judgeWrites(await audit.readWrites(), replicas.all);
    for (const [name, { asked, repairs, lease }] of counts) {
      tell(`writes of ${name}: ${asked} asked for, ${repairs} repairs as the leader, ${lease} of the Lease`);
    }
    if (![...counts.values()].some(({ repairs }) => repairs > 0)) faults.push('nobody repaired anything');
    return faults;
  }

  /** Of the processes that run at the end. @returns what was wrong */
  judgeMemory(): string[] {
    const faults: string[] = [];
    for (const { name } of this.#fleet.running) {
      const readings = this.#readings.get(name)!;
      for (const what of ['heapUsed', 'residentMemory'] as const) {
        const { first, last, noise, grows } = growthOf(readings, what);
        const line =
          `${what} of ${name}, ${readings.length} readings: ${megabytes(first)} in the first third, ` +
          `${megabytes(last)} in the last, noise ${megabytes(noise)}`;
        this.#options.tell(line);
        if (grows) faults.push(line);
      }
    }
    return faults;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
