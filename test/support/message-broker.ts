/** A message broker in memory: what each publisher sent, what arrived and in which order, and a bucket that may fail. */
import { ErrorCode, NatsError } from 'nats';
import type { StatusEventDocument } from '../../scripts/contract/event-conformance.ts';
import type { Clock } from '../../src/clock.ts';
import type { Bucket, BucketEntry } from '../../src/events/nats-bucket.ts';
import type { EventMessage } from '../../src/events/publisher.ts';
import { RecordingPublisher } from './event-publisher.ts';

/** No window of the publishers' own is longer. */
const maxWindowMs = 500;

type EventData = StatusEventDocument['data'];

/** `full` refuses what is written; `lost` is as when somebody removed the bucket, until it is opened again. */
export type BucketState = 'ok' | 'full' | 'lost';

/** The publisher of one replica: what it sends arrives with the others' at the broker, if it does. */
export class BrokerPublisher extends RecordingPublisher {
  readonly #broker: Broker;
  /** What was sent last and failed, by the id of the container. */
  readonly failed = new Map<string, { message: EventMessage; sentAt: number }>();
  /** Sent and not answered, by the id of the container. */
  readonly unanswered = new Map<string, { confirm: (arrives: boolean) => void; fail: (arrives: boolean) => void }>();

  constructor(broker: Broker) {
    super();
    this.#broker = broker;
  }

  override publish(message: EventMessage): ReturnType<RecordingPublisher['publish']> {
    const { id } = (JSON.parse(message.body) as { data: EventData }).data;
    this.#broker.sending(message, this);
    const confirmed = super.publish(message);
    const { confirm, fail, data } = this.sent.at(-1)!;
    const arrive = () => void this.#broker.arrived.push(data);
    const sentAt = this.#broker.clock.elapsed();
    this.failed.delete(id);
    if (!this.holding) arrive();
    else {
      const answer = (arrives: boolean, how: () => void) => {
        if (arrives) arrive();
        this.unanswered.delete(id);
        how();
      };
      this.unanswered.set(id, {
        confirm: (arrives) => answer(arrives, confirm),
        fail: (arrives) => {
          this.failed.set(id, { message, sentAt });
          answer(arrives, () => fail(new Error('no answer')));
        },
      });
    }
    return confirmed;
  }
}

export class Broker {
  /** What the subscribers got, of all publishers, in that order. */
  readonly arrived: EventData[] = [];
  readonly bucket = new MemoryBucket();
  /** What no publisher may do, and one did. */
  readonly faults: string[] = [];
  /** Whether the key of a container has to be sent before its events. */
  keysFirst = false;
  /** Whether an event is only made anew for a change that was told here. */
  sameIds = false;
  readonly clock: Clock;
  readonly #changedAt = new Map<string, number>();
  readonly #bodies = new Map<string, string>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** To be called as a message is sent. */
  sending({ id, body }: EventMessage, publisher: BrokerPublisher): void {
    const { data } = JSON.parse(body) as { data: EventData };
    if (publisher.unanswered.has(data.id)) this.faults.push(`${data.id}: a second event before the first is answered`);
    if ((this.#bodies.get(id) ?? body) !== body) this.faults.push(`${data.id}: another event of the same id`);
    this.#bodies.set(id, body);
    const failed = publisher.failed.get(data.id);
    if (this.sameIds && failed !== undefined && failed.message.id !== id && failed.sentAt > this.#settledAt(data.id))
      this.faults.push(`${data.id}: what failed is sent again under another id`);
    const isKeyed = data.status === 'DELETED' || this.bucket.requested.has(data.id);
    if (this.keysFirst && !isKeyed) this.faults.push(`${data.id}: ${data.status} before its key`);
  }

  /** To be called with each change of a container, and with each reason to tell of it again. */
  changed(containerId: string): void {
    this.#changedAt.set(containerId, this.clock.elapsed());
  }

  /** When all that was known of its changes had been put. */
  #settledAt(containerId: string): number {
    return (this.#changedAt.get(containerId) ?? -Infinity) + maxWindowMs;
  }

  /** The last that the subscribers got of a container. */
  last(containerId: string): EventData | undefined {
    return this.arrived.findLast(({ id }) => id === containerId);
  }
}

/** Keys are `<namespace>/.<provider>.<container id>`. */
export class MemoryBucket implements Bucket {
  readonly ttlMs = 0;
  state: BucketState = 'ok';
  /** Ids of containers of which a key was ever asked to be written, and not to be removed since. */
  readonly requested = new Set<string>();
  readonly #entries = new Map<string, BucketEntry>();
  #revision = 0;
  /** How often something was asked of it. */
  calls = 0;

  open(): Promise<Bucket> {
    if (this.state === 'lost') {
      this.state = 'ok';
      this.#entries.clear();
      this.#revision = 0;
    }
    return Promise.resolve(this);
  }

  get lastRevision(): number {
    return this.#revision;
  }

  read(prefix: string): Promise<Map<string, BucketEntry>> {
    const entries = [...this.#entries].filter(([key]) => key.startsWith(`${prefix}.`));
    return Promise.resolve(new Map(entries.map(([key, entry]) => [key.slice(prefix.length + 1), entry])));
  }

  async put(key: string, value: string): Promise<number> {
    this.requested.add(containerIdOf(key));
    this.#refuse(false);
    this.#revision++;
    this.#entries.set(key, { value, revision: this.#revision });
    return Promise.resolve(this.#revision);
  }

  async purge(key: string, revision: number): Promise<void> {
    this.#refuse(true);
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.revision > revision) return;
    this.#entries.delete(key);
    this.requested.delete(containerIdOf(key));
    return Promise.resolve();
  }

  /** The uids of the Deployments by the ids of the containers, as they are remembered. */
  get content(): Record<string, string> {
    const entries = [...this.#entries].map(([key, { value }]) => {
      return [containerIdOf(key), (JSON.parse(value) as { deployment: string }).deployment] as const;
    });
    return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  /** A bucket that is full can still be purged. */
  #refuse(isPurge: boolean): void {
    this.calls++;
    if (this.state === 'lost') throw NatsError.errorForCode(ErrorCode.NoResponders);
    if (this.state === 'full' && !isPurge) throw new Error('maximum messages exceeded');
  }
}

function containerIdOf(key: string): string {
  return key.split('.').slice(2).join('.');
}
