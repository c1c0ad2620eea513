/** What the sender needs of a connection to the message broker. */

/** An event as it travels. Sent again, it is the same to the last byte, its id included. */
export interface EventMessage {
  id: string;
  contentType: string;
  body: string;
}

/** The broker takes nothing of this size: the event never arrives, however often it is sent. */
export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError';
}

export interface Confirmed {
  /** Whether a stream has acknowledged the message: its consumers get it, whether or not they were there at the time. */
  isStored: boolean;
}

export interface EventPublisher {
  /** While false, publishing is of no use: there is no connection, or it is not known what would confirm an event. */
  readonly connected: boolean;
  /** Calls back each time `connected` becomes true. */
  onConnect(listener: () => void): void;
  /**
   * Resolves once the broker has confirmed that it has the message. Rejects, within a bounded time, when that is not
   * known: the message may have arrived all the same; with an `EventTooLargeError` when it never will.
   */
  publish(message: EventMessage): Promise<Confirmed>;
}
