/** The part that sends, with what a test puts in the place of a reporter. */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../src/clock.ts';
import { createStatusEventEncoder } from '../../src/events/cloud-event.ts';
import type { StatusChange } from '../../src/events/cloud-event.ts';
import { Deliveries } from '../../src/events/deliveries.ts';
import type { EventPublisher } from '../../src/events/publisher.ts';
import { Sender } from '../../src/events/sender.ts';
import { WorkQueue } from '../../src/events/work-queue.ts';
import { alwaysLeads } from '../../src/leadership/leadership.ts';

export function startSender({ publisher, log, clock }: { publisher: EventPublisher; log: Logger; clock: Clock }) {
  const deliveries = new Deliveries();
  const queue = new WorkQueue({ clock, maxRunning: 250 });
  const encode = createStatusEventEncoder({ providerName: 'sp', namespace: 'containers' });
  const parts = { deliveries, queue, publisher, leadership: alwaysLeads, log, clock };
  const sender = new Sender({ ...parts, gate: publisher, encode });
  queue.start((containerId) => {
    const delivery = deliveries.get(containerId);
    return delivery && sender.process(delivery);
  });
  return {
    deliveries,
    queue,
    sender,
    /** Number of containers of which something is not confirmed. */
    get size(): number {
      return deliveries.unconfirmed.size;
    },
    put(change: StatusChange, { again = false } = {}): void {
      const { containerId } = change;
      const event = { ...change, id: randomUUID(), seenAt: clock.now() };
      deliveries.want(deliveries.ensure(containerId), event, { again, isTold: false, at: clock.elapsed() });
      queue.forget(containerId);
      queue.add(containerId);
    },
    close: () => queue.shutDownWithDrain(AbortSignal.abort()),
  };
}
