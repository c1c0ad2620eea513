/** What a change of leader means for the status events: the last one of each container to arrive has to be a true one. */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { ContainerSource } from '../containers/source.ts';
import { maxUnconnectedMs } from '../leadership/leadership.ts';
import type { SenderLeadership } from '../leadership/leadership.ts';
import type { Outbox } from './outbox.ts';
import type { EventPublisher } from './publisher.ts';
import type { StatusReporter } from './reporter.ts';

/** How often a leader looks whether its events reach anybody. */
const connectionLookMs = 1_000;

export interface HandOverOptions {
  leadership: SenderLeadership;
  source: Pick<ContainerSource, 'onGap'>;
  reporter: Pick<StatusReporter, 'repeatEverything' | 'endedWithin' | 'knows' | 'reportForgotten'>;
  outbox: Pick<Outbox, 'discard'>;
  publisher: Pick<EventPublisher, 'connected' | 'onConnect'>;
  log: Logger;
  clock: Clock;
}

export class HandOver {
  readonly #options: HandOverOptions;
  #ends: (() => void)[] = [];
  #cancelRepeat: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;
  /** When this replica was connected last after it was not. */
  #connectedAt: number;

  constructor(options: HandOverOptions) {
    this.#options = options;
    const { publisher, clock } = options;
    this.#connectedAt = clock.elapsed();
    publisher.onConnect(() => (this.#connectedAt = clock.elapsed()));
  }

  /**
   * Whether a former leader's events, sent or given up, need this replica's memory no more: had they reached nobody, the
   * leader would have stood back by now, and this replica, which is connected, would have repeated them.
   */
  get mayForget(): boolean {
    const { leadership, publisher, clock } = this.#options;
    const longEnoughMs = maxUnconnectedMs + 2 * leadership.leaseDurationMs;
    return publisher.connected && clock.elapsed() - this.#connectedAt >= longEnoughMs;
  }

  start(): void {
    const { leadership, reporter, source } = this.#options;
    leadership.answerMissed((missed) => reporter.endedWithin(missed));
    this.#ends = [
      leadership.onChange((leads) => (leads ? this.#takeOver() : this.#giveUp())),
      leadership.onSentLate(() => reporter.repeatEverything()),
      source.onGap((missed) => leadership.reportMissed(missed)),
      leadership.onEnded((containerId, uid) => {
        if (!reporter.knows(containerId)) reporter.reportForgotten(containerId, uid);
      }),
    ];
  }

  stop(): void {
    for (const end of this.#ends) end();
    this.#cancelTimers();
  }

  /** Repeats once more when the events of the former leader can no longer be on their way. */
  #takeOver(): void {
    const { leadership, reporter, clock } = this.#options;
    reporter.repeatEverything();
    this.#cancelTimers();
    this.#cancelRepeat = clock.after(leadership.leaseDurationMs, () => reporter.repeatEverything());
    this.#watchConnection(clock.elapsed());
  }

  #giveUp(): void {
    const { leadership, outbox } = this.#options;
    this.#cancelTimers();
    if (outbox.discard()) leadership.reportSentLate();
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
