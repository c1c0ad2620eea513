/** A publisher that counts as connected only once the bucket is open, or has had its time: no event goes ahead of its key. */
import type { Confirmed, EventMessage, EventPublisher } from './publisher.ts';
import type { ReportedContainers } from './reported-containers.ts';

export class KeysFirst implements EventPublisher {
  readonly #publisher: EventPublisher;
  readonly #record: Pick<ReportedContainers, 'isReady' | 'onReady'>;

  constructor(publisher: EventPublisher, record: Pick<ReportedContainers, 'isReady' | 'onReady'>) {
    this.#publisher = publisher;
    this.#record = record;
  }

  get connected(): boolean {
    return this.#publisher.connected && this.#record.isReady;
  }

  onConnect(listener: () => void): void {
    this.#publisher.onConnect(() => this.connected && listener());
    this.#record.onReady(() => this.connected && listener());
  }

  publish(message: EventMessage): Promise<Confirmed> {
    return this.#publisher.publish(message);
  }
}
