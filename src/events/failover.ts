/** What a change of leader means for the status events: the last one of each container to arrive has to be a true one. */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { ContainerSource } from '../containers/source.ts';
import { maxUnconnectedMs } from '../leadership/leadership.ts';
import type { SenderLeadership } from '../leadership/leadership.ts';
import type { Deliveries } from './deliveries.ts';
import type { NatsPublisher } from './nats-publisher.ts';
import type { EventPublisher } from './publisher.ts';
import type { ReportedContainers } from './reported-containers.ts';
import type { Reporter } from './reporter.ts';
import type { Resync } from './resync.ts';
import type { Sender } from './sender.ts';

/** How often a leader looks whether its events reach anybody. */
const connectionLookMs = 1_000;

export interface FailoverOptions {
  leadership: SenderLeadership;
  source: Pick<ContainerSource, 'onGap'>;
  deliveries: Deliveries;
  reporter: Pick<Reporter, 'reportForgotten'>;
  resync: Pick<Resync, 'repeatEverything'>;
  sender: Pick<Sender, 'discard'>;
  record?: Pick<ReportedContainers, 'begin' | 'forgetAll'> | undefined;
  publisher: Pick<EventPublisher, 'connected'> & Pick<NatsPublisher, 'onNewStream'>;
  log: Logger;
  clock: Clock;
}

export class Failover {
  readonly #options: FailoverOptions;
  #unsubscribe: (() => void)[] = [];
  #cancelRepeat: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(options: FailoverOptions) {
    this.#options = options;
    const { publisher, leadership, resync } = options;
    publisher.onNewStream(() => {
      if (leadership.leads) resync.repeatEverything({ evenStored: false });
    });
  }

  start(): void {
    const { leadership, deliveries, reporter, resync, source } = this.#options;
    leadership.answerMissed((missed) => deliveries.endedWithin(missed));
    this.#unsubscribe = [
      leadership.onChange((leads) => (leads ? this.#takeOver() : this.#giveUp())),
      leadership.onSentLate(() => resync.repeatEverything()),
      source.onGap((missed) => leadership.reportMissed(missed)),
      leadership.onEnded((containerId, uid) => {
        if (!deliveries.knows(containerId)) reporter.reportForgotten(containerId, uid);
      }),
    ];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#cancelTimers();
  }

  /** Repeats once more when the events of the former leader can no longer be on their way. */
  #takeOver(): void {
    const { leadership, record, resync, clock } = this.#options;
    record?.begin();
    resync.repeatEverything();
    this.#cancelTimers();
    this.#cancelRepeat = clock.after(leadership.leaseDurationMs, () => resync.repeatEverything());
    this.#watchConnection(clock.elapsed());
  }

  #giveUp(): void {
    const { leadership, record, sender } = this.#options;
    this.#cancelTimers();
    record?.forgetAll();
    if (sender.discard()) leadership.reportSentLate();
  }

  /** A leader whose events reach nobody lets another one try. */
  #watchConnection(connectedAt: number): void {
    const { leadership, publisher, log, clock } = this.#options;
    this.#cancelLook = clock.after(connectionLookMs, () => {
      const now = clock.elapsed();
      const lastConnectedAt = publisher.connected ? now : connectedAt;
      if (now - lastConnectedAt < maxUnconnectedMs) {
        this.#watchConnection(lastConnectedAt);
        return;
      }
      log.warn({ unconnectedMs: Math.round(now - lastConnectedAt) }, 'NATS cannot be reached, standing back as leader');
      leadership.standBack();
    });
  }

  #cancelTimers(): void {
    this.#cancelRepeat?.();
    this.#cancelLook?.();
  }
}
