/** One replica's part in the election: looks at the Lease, claims and renews it, and tells the others what came of it. */
import type { Logger } from 'pino';

import type { Clock } from '../clock.ts';
import { spanning } from '../containers/resource-version.ts';
import type { VersionRange } from '../containers/resource-version.ts';
import { callWithin, sleep } from '../time.ts';
import type { Check } from '../lifecycle.ts';
import {
  callTimeoutMs,
  decide,
  isHeld,
  leaseDurationMs,
  lookAgainAfterMs,
  observe,
  renewDeadlineMs,
  renewPeriodMs,
  LeasePermissionError,
} from './election.ts';
import type { Decision, Observation, Lease, LeaseClient } from './election.ts';
import type { Part } from '../lifecycle.ts';
import type { SenderLeadership } from './leadership.ts';

export interface ElectorOptions {
  client: LeaseClient;
  /** Names this process and no other, now or later. */
  identity: string;
  log: Logger;
  clock: Clock;
  /** For how long this replica has not known what happens in the cluster, in milliseconds; absent: it always knows. */
  blindMs?: () => number;
  /** From 0 to 1; by default `Math.random`. */
  chance?: () => number;
}

/** Who leads, as far as this replica can tell; `nobody` also where it cannot. */
export type Leader = 'self' | 'other' | 'nobody';

const leaderNotes: Record<Leader, string> = {
  self: 'this replica leads',
  other: 'another replica leads',
  nobody: 'nobody leads',
};

/** How long an API server that has just started may refuse everything, in milliseconds. */
const permissionsLoadMs = 10_000;

/** For how long what was missed is kept in the Lease: others may learn late of what ended within it. Milliseconds. */
const missedKeptMs = 10 * 60_000;

const tooLate = 'it did not renew the Lease in time';

/** How often a write that came too late is tried again at once, on top of what is there by then. */
const maxAttempts = 3;

export class Elector implements SenderLeadership, Part {
  readonly name = 'election';
  /** Kept for the release while other parts stop, in milliseconds. */
  readonly stopMs = 1_000;
  readonly leaseDurationMs = leaseDurationMs;
  readonly #options: ElectorOptions;
  readonly #listeners = new Set<(leads: boolean) => void>();
  readonly #sentLateListeners = new Set<() => void>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** Ends the pause before the next look. */
  #wake = new AbortController();
  #observed: Observation | undefined;
  #exists = false;
  /** What is known of the Lease may be out of date: look before the next write. */
  #lookFirst = true;
  /** The Lease may be ours: also where it is not known what became of a claim. */
  #mayHold = false;
  /** By this replica's own clock; absent: it doesn't lead. */
  #leadsUntil: number | undefined;
  #cancelDeadline: (() => void) | undefined;
  #standsBackUntil: number | undefined;
  /** What is still to be said in the Lease. */
  #sentLate: string | undefined;
  #timesSentLate = 0;
  /** What others have said there, as far as it was told. */
  #sentLateTold: string | undefined;
  #missed: { range: VersionRange; at: number } | undefined;
  #endedWithin: (missed: VersionRange) => ReadonlyMap<string, string> = () => new Map();
  /** The uids that a leader was told to have ended, and which leader. */
  #endedTold: { holder: string; uids: Set<string> } = { holder: '', uids: new Set() };
  readonly #endedListeners = new Set<(containerId: string, deploymentUid: string) => void>();
  /** Logged last, and still so. */
  #failure: string | undefined;
  /** Since when every attempt was refused for want of a permission; absent: the last was not. */
  #refusedSince: number | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
  }

  get leads(): boolean {
    return this.#leadsUntil !== undefined && this.#options.clock.elapsed() < this.#leadsUntil;
  }

  get leader(): Leader {
    if (this.leads) return 'self';
    const { clock, identity } = this.#options;
    if (this.#observed === undefined || !this.#exists || !isHeld(this.#observed, clock.elapsed())) return 'nobody';
    return this.#observed.lease.record.holder === identity ? 'nobody' : 'other';
  }

  /**
   * A process that still counts itself as the leader when others may long lead has timers that stand still. Requests are
   * served whoever leads, so that readiness only tells who does.
   */
  health(): { livez: Check; readyz: Check } {
    const until = this.#leadsUntil;
    const isStuck = until !== undefined && this.#options.clock.elapsed() >= until + leaseDurationMs;
    return {
      livez: isStuck ? { ok: false, reason: 'it should have given up the leadership long ago' } : { ok: true },
      readyz: { ok: true, note: leaderNotes[this.leader] },
    };
  }

  onChange(listener: (leads: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onSentLate(listener: () => void): () => void {
    this.#sentLateListeners.add(listener);
    return () => this.#sentLateListeners.delete(listener);
  }

  reportSentLate(): void {
    if (this.leads) return;
    this.#timesSentLate += 1;
    this.#sentLate = `${this.#options.identity}/${this.#timesSentLate}`;
    this.#wake.abort();
  }

  standBack(): void {
    this.#standBack('it stands back');
  }

  reportMissed(missed: VersionRange): void {
    const at = this.#options.clock.elapsed();
    const before = this.#missedOfLate;
    this.#missed = { range: before ? spanning(before, missed) : missed, at };
  }

  answerMissed(endedWithin: (missed: VersionRange) => ReadonlyMap<string, string>): void {
    this.#endedWithin = endedWithin;
  }

  onEnded(listener: (containerId: string, deploymentUid: string) => void): () => void {
    this.#endedListeners.add(listener);
    return () => this.#endedListeners.delete(listener);
  }

  get #missedOfLate(): VersionRange | undefined {
    const { clock } = this.#options;
    return this.#missed && clock.elapsed() - this.#missed.at < missedKeptMs ? this.#missed.range : undefined;
  }

  #standBack(reason: string): void {
    if (!this.leads) return;
    this.#lose(reason);
    this.#standsBackUntil = this.#options.clock.elapsed() + leaseDurationMs;
    this.#wake.abort();
  }

  /** Takes part in the election from now on, in the background; never throws. */
  start(): void {
    this.#running = this.#run();
  }

  /** Leads no more, and releases the Lease where it may be ours; resolves soon after the deadline, never rejects. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#lose('it is stopping');
    this.#stopping.abort(new Error('stopping'));
    await this.#running;
    if (this.#mayHold) await this.#release(deadline);
    await this.#options.client.close();
  }

  async #release(deadline: AbortSignal): Promise<void> {
    this.#standsBackUntil = Infinity;
    this.#lookFirst = true;
    try {
      await this.#attempt(deadline);
    } catch (err) {
      this.#options.log.warn({ err }, 'the Lease was not released');
    }
  }

  async #run(): Promise<void> {
    const { clock, chance = Math.random } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      const startedAt = clock.elapsed();
      await this.#guard(() => this.#attempt(this.#stopping.signal));
      const nextAt = this.leads ? startedAt + renewPeriodMs : clock.elapsed() + lookAgainAfterMs(chance());
      await sleep(nextAt - clock.elapsed(), AbortSignal.any([this.#wake.signal, this.#stopping.signal]), clock);
    }
  }

  /** Failures are logged, once as long as they are the same, and end with the next success. */
  async #guard(act: () => Promise<void>): Promise<void> {
    const { log, clock } = this.#options;
    try {
      await act();
      this.#failure = undefined;
      this.#refusedSince = undefined;
    } catch (err) {
      this.#lookFirst = true;
      if (this.#stopping.signal.aborted && err === this.#stopping.signal.reason) return;
      const failure = err instanceof Error ? err.message : String(err);
      const { leader } = this;
      this.#refusedSince = err instanceof LeasePermissionError ? (this.#refusedSince ?? clock.elapsed()) : undefined;
      if (this.#refusedSince !== undefined && clock.elapsed() - this.#refusedSince < permissionsLoadMs) {
        log.debug({ err, leader }, 'electing a leader is refused, will retry');
        return;
      }
      if (failure === this.#failure) log.debug({ err, leader }, 'electing a leader failed as before, will retry');
      else if (err instanceof LeasePermissionError) {
        const { verb, resource, namespace } = err;
        log.error({ verb, resource, namespace, leader }, 'electing a leader lacks a permission, will retry');
      } else log.warn({ err, leader }, 'electing a leader failed, will retry');
      this.#failure = failure;
    }
  }

  /** Looks where that is needed, decides and acts; again where somebody was faster. */
  async #attempt(signal: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
      if (this.#lookFirst || !this.leads) await this.#look(signal);
      const done = await this.#act(this.#decide(), signal);
      if (done) return;
      this.#lookFirst = true;
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const lease = await this.#call(signal, (bounded) => this.#options.client.get(bounded));
    this.#exists = lease !== undefined;
    if (lease !== undefined) this.#observe(lease);
    this.#lookFirst = false;
  }

  #decide(): Decision {
    const { clock, identity, blindMs = () => 0 } = this.#options;
    const missed = this.#missedOfLate;
    return decide({
      identity,
      exists: this.#exists,
      observed: this.#observed,
      now: clock.elapsed(),
      time: new Date(clock.now()),
      ...(this.#standsBackUntil !== undefined && { standsBackUntil: this.#standsBackUntil }),
      ...(this.#sentLate !== undefined && { sentLate: this.#sentLate }),
      ...(missed && { missed }),
      blindMs: blindMs(),
      ended: this.#endedToTell(),
    });
  }

  /** What the holder has missed and was not told yet. */
  #endedToTell(): ReadonlyMap<string, string> {
    const { missed, record } = this.#observed?.lease ?? {};
    if (missed === undefined || record?.holder === this.#options.identity) return new Map();
    if (this.#endedTold.holder !== record?.holder) this.#endedTold = { holder: record?.holder ?? '', uids: new Set() };
    const { uids } = this.#endedTold;
    return new Map([...this.#endedWithin(missed)].filter(([, uid]) => !uids.has(uid)));
  }

  /** False: somebody was faster. */
  async #act(decision: Decision, signal: AbortSignal): Promise<boolean> {
    if (decision.action === 'wait') return true;
    const { client, clock } = this.#options;
    const sentAt = clock.elapsed();
    const endedBefore = this.#observed?.lease.ended ?? {};
    if (decision.action !== 'tell') this.#mayHold = true;
    const written = await this.#call(signal, (bounded) =>
      decision.action === 'create' ? client.create(decision.lease, bounded) : client.update(decision.lease, bounded),
    );
    if (written === undefined) return false;
    this.#exists = true;
    this.#observe(written);
    if (decision.action === 'create' || decision.action === 'claim') this.#lead(sentAt);
    if (written.sentLate === this.#sentLate) this.#sentLate = undefined;
    if (decision.action === 'claim') this.#takeEnded(endedBefore);
    if (decision.action === 'tell') for (const uid of Object.values(written.ended ?? {})) this.#endedTold.uids.add(uid);
    return true;
  }

  /** What was told is no longer in the Lease. */
  #takeEnded(ended: Readonly<Record<string, string>>): void {
    for (const [containerId, uid] of Object.entries(ended)) {
      for (const listener of this.#endedListeners) listener(containerId, uid);
    }
  }

  #call<T>(signal: AbortSignal, call: (bounded: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    return callWithin({ ms: callTimeoutMs, message: `no answer within ${callTimeoutMs} ms`, signal, clock }, call);
  }

  #observe(lease: Lease): void {
    const { clock, identity } = this.#options;
    this.#observed = observe(this.#observed, lease, clock.elapsed());
    this.#mayHold = lease.record.holder === identity;
    if (!this.#mayHold) this.#lose('another replica holds the Lease');
    if (lease.seer !== undefined && this.#isBlind) this.#standBack('another replica sees what happens in the cluster');
    const isNews = lease.sentLate !== this.#sentLateTold;
    this.#sentLateTold = lease.sentLate;
    if (isNews && this.leads) for (const listener of this.#sentLateListeners) listener();
  }

  /** The time counts from before the write, since nobody knows when on its way it was done. */
  #lead(sentAt: number): void {
    const { clock, log } = this.#options;
    if (!this.leads) this.#lose(tooLate);
    const until = sentAt + renewDeadlineMs;
    if (clock.elapsed() >= until || this.#standsBack || this.#stopping.signal.aborted) return;
    this.#cancelDeadline?.();
    this.#cancelDeadline = clock.after(until - clock.elapsed(), () => this.#lose(tooLate));
    const ledBefore = this.#leadsUntil !== undefined;
    this.#leadsUntil = until;
    if (ledBefore) return;
    this.#sentLate = undefined;
    log.info({ transitions: this.#observed?.lease.record.transitions }, 'leading');
    this.#tell(true);
  }

  get #isBlind(): boolean {
    return (this.#options.blindMs?.() ?? 0) > leaseDurationMs;
  }

  get #standsBack(): boolean {
    return this.#standsBackUntil !== undefined && this.#options.clock.elapsed() < this.#standsBackUntil;
  }

  #lose(reason: string): void {
    if (this.#leadsUntil === undefined) return;
    this.#leadsUntil = undefined;
    this.#cancelDeadline?.();
    this.#options.log.info({ reason }, 'stopped leading');
    this.#tell(false);
  }

  #tell(leads: boolean): void {
    for (const listener of this.#listeners) listener(leads);
  }
}
