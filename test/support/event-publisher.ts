/** A publisher that keeps what it was given, and confirms it at once, later, or not at all. */
import type { StatusEventDocument } from '../../scripts/contract/event-conformance.ts';
import type { EventMessage, EventPublisher } from '../../src/events/publisher.ts';

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
  readonly sent: Sent[] = [];
  readonly #listeners: (() => void)[] = [];

  onConnect(listener: () => void): void {
    this.#listeners.push(listener);
  }

  connect(): void {
    this.connected = true;
    for (const listener of this.#listeners) listener();
  }

  publish(message: EventMessage): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const { data } = JSON.parse(message.body) as { data: Sent['data'] };
    this.sent.push({ message, data, confirm: () => resolve(undefined), fail: reject });
    if (!this.holding) resolve(undefined);
    return promise.then();
  }

  /** `id status` of everything sent so far, in order. */
  get summary(): string[] {
    return this.sent.map(({ data }) => `${data.id} ${data.status}`);
  }
}
