/** A publisher that keeps what it was given, and confirms it at once, later, or not at all. */
import type { StatusEventDocument } from '../../scripts/contract/event-conformance.ts';
import type { Confirmed, EventMessage, EventPublisher } from '../../src/events/publisher.ts';

interface Sent {
  message: EventMessage;
  data: StatusEventDocument['data'];
  confirm: () => void;
  fail: (err: Error) => void;
}

export class RecordingPublisher implements EventPublisher {
  connected = true;
  /** While true, nothing is confirmed but by hand. */
  holding = false;
  /** Whether a stream is what confirms. */
  isStored = false;
  readonly sent: Sent[] = [];
  readonly #listeners: (() => void)[] = [];

  onConnect(listener: () => void): void {
    this.#listeners.push(listener);
  }

  connect(): void {
    this.connected = true;
    for (const listener of this.#listeners) listener();
  }

  readonly #streamListeners: (() => void)[] = [];

  onNewStream(listener: () => void): void {
    this.#streamListeners.push(listener);
  }

  newStream(): void {
    for (const listener of this.#streamListeners) listener();
  }

  publish(message: EventMessage): Promise<Confirmed> {
    const { promise, resolve, reject } = Promise.withResolvers<Confirmed>();
    const confirm = () => resolve({ isStored: this.isStored });
    const { data } = JSON.parse(message.body) as { data: Sent['data'] };
    this.sent.push({ message, data, confirm, fail: reject });
    if (!this.holding) confirm();
    return promise.then((confirmed) => confirmed);
  }

  /** `id status` of everything sent so far, in order. */
  get summary(): string[] {
    return this.sent.map(({ data }) => `${data.id} ${data.status}`);
  }
}
