/** Replicas of which some serve at a time, as behind a Service, and what may happen to them. */
import { listIds } from '../../support/containers.ts';
import { eventually } from '../../support/kubernetes.ts';
import type { Refusal, Replica, Replicas } from './replicas.ts';

/** A leader without NATS stands back after a minute, and another one leads a lease duration later. */
const patienceMs = 180_000;

const eventsAfterReset = 100;

/** Resolves when it is over. */
export type Fault = (fleet: Fleet) => Promise<void>;

/** They leave every process alive. */
export const survivableFaults: Record<string, Fault> = {
  'leader frozen': (fleet) => fleet.freezeLeader(),
  'leader cut off from the API server': (fleet) => fleet.cutLeaderOffFromCluster(),
  'leader cut off from NATS': (fleet) => fleet.cutLeaderOffFromNats(),
  'connections reset': (fleet) => fleet.resetConnections(),
};

export const allFaults: Record<string, Fault> = {
  ...survivableFaults,
  'leader killed': (fleet) => fleet.killLeader(),
  'all killed': (fleet) => fleet.killAll(),
  'rolling restart': (fleet) => fleet.restartOneByOne(),
};

/** A time for which no answer of the replica is promised, by the clock of `performance.now()`. */
interface Trouble {
  replica: Replica;
  from: number;
  to: number;
}

export class Fleet {
  readonly #replicas: Replicas;
  #running: readonly Replica[];
  #serving: readonly Replica[];
  readonly #troubles: Trouble[] = [];

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
    this.#running = [...replicas.all];
    this.#serving = this.#running;
  }

  get running(): readonly Replica[] {
    return this.#running;
  }

  /** Those that clients are led to. */
  get serving(): Replica[] {
    return [...this.#serving];
  }

  get leaders(): Replica[] {
    return this.#running.filter((replica) => replica.leads());
  }

  /** Whether the replica was in trouble at any time between the question and the answer. */
  isExcused({ replica, startedAt, endedAt }: Refusal): boolean {
    return this.#troubles.some((each) => each.replica === replica && each.from <= endedAt && each.to >= startedAt);
  }

  async killLeader(): Promise<void> {
    const leader = await this.#leader();
    this.#inTrouble(leader);
    await leader.kill();
    this.#end(leader);
    await this.#leader();
    await this.#add();
  }

  async killAll(): Promise<void> {
    const count = this.#running.length;
    for (const replica of this.#running) this.#inTrouble(replica);
    await Promise.all(this.#running.map((replica) => replica.kill()));
    this.#running = [];
    await Promise.all(Array.from({ length: count }, () => this.#add()));
    await this.#leader();
  }

  /** As a Deployment is rolled out: a new one serves before an old one is told to stop, and no client sees anything. */
  async restartOneByOne(): Promise<void> {
    for (const old of this.#running) {
      await this.#add();
      this.#serving = this.#serving.filter((replica) => replica !== old);
      const code = await old.stop();
      if (code !== 0) throw new Error(`${old.name} ended with ${code}`);
      this.#end(old);
    }
    await this.#leader();
  }

  /** Until another one leads and has sent something. */
  async freezeLeader(): Promise<void> {
    const { events } = this.#replicas.system;
    const leader = await this.#leader();
    const over = this.#inTrouble(leader);
    leader.process.signal('SIGSTOP');
    const { name } = await this.#leader(leader);
    const seen = events.received.length;
    await settled(`${name} has sent something`, () =>
      events.received.slice(seen).some(({ event }) => event.source === `dcm/providers/${name}`),
    );
    leader.process.signal('SIGCONT');
    await settled(`${leader.name} leads no more`, () => !leader.leads());
    await over();
  }

  /** The connections stay, and carry nothing; then they are reset. */
  async cutLeaderOffFromCluster(): Promise<void> {
    const leader = await this.#leader();
    const over = this.#inTrouble(leader);
    leader.clusterLine.silence();
    await settled(`${leader.name} leads no more`, () => !leader.leads());
    await this.#leader(leader);
    leader.clusterLine.reset();
    leader.clusterLine.carry();
    await over();
  }

  /** Its API is served all the while. */
  async cutLeaderOffFromNats(): Promise<void> {
    const leader = await this.#leader();
    await leader.natsLine.refuse();
    leader.natsLine.reset();
    await settled(`${leader.name} leads no more`, () => !leader.leads());
    await this.#leader(leader);
    await leader.natsLine.accept();
  }

  /** Those of all replicas, to the API server and to NATS; then events come as before. */
  async resetConnections(): Promise<void> {
    const { received } = this.#replicas.system.events;
    for (const replica of this.#running) {
      const over = this.#inTrouble(replica);
      replica.clusterLine.reset();
      replica.natsLine.reset();
      await over();
    }
    const seen = received.length;
    await settled('events come', () => received.length > seen + eventsAfterReset);
  }

  async #leader(...others: Replica[]): Promise<Replica> {
    const find = (): Replica | undefined => this.leaders.find((replica) => !others.includes(replica));
    return (await eventually(find, (found) => found !== undefined, patienceMs))!;
  }

  /** It serves once its caches are filled. */
  async #add(): Promise<void> {
    const replica = await this.#replicas.add();
    this.#running = [...this.#running, replica];
    await listIds(replica.client);
    this.#serving = [...this.#serving, replica];
  }

  #end(replica: Replica): void {
    this.#running = this.#running.filter((other) => other !== replica);
  }

  /** Clients are led elsewhere. @returns what has them come back, once the replica answers again */
  #inTrouble(replica: Replica): () => Promise<void> {
    const trouble: Trouble = { replica, from: performance.now(), to: Infinity };
    this.#troubles.push(trouble);
    this.#serving = this.#serving.filter((other) => other !== replica);
    const isHealthy = async (): Promise<boolean> => {
      const { data } = await replica.client.GET('/containers/health', {});
      return data?.status === 'healthy';
    };
    return async () => {
      await settled(`${replica.name} is healthy`, isHealthy);
      trouble.to = performance.now();
      this.#serving = [...this.#serving, replica];
    };
  }
}

async function settled(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(condition, Boolean, patienceMs).catch((error: unknown) => {
    throw new Error(`waited in vain until ${what}`, { cause: error });
  });
}
