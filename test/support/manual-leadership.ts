/** A leadership that a test gives and takes. */
import type { VersionRange } from '../../src/containers/resource-version.ts';
import type { SenderLeadership } from '../../src/leadership/leadership.ts';

export class ManualLeadership implements SenderLeadership {
  readonly leaseDurationMs = 15_000;
  readonly #listeners = new Set<(leads: boolean) => void>();
  readonly #sentLateListeners = new Set<() => void>();
  #leads: boolean;
  /** What the part under test asked for, oldest first. */
  readonly asked: ('reportSentLate' | 'standBack')[] = [];

  constructor(leads = true) {
    this.#leads = leads;
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** Tells the listeners too, unless `silently`: as when the time is over and nobody was told yet. */
  set(leads: boolean, { silently = false } = {}): void {
    this.#leads = leads;
    if (!silently) for (const listener of this.#listeners) listener(leads);
  }

  /** As when a deposed replica has sent late. */
  sentLate(): void {
    for (const listener of this.#sentLateListeners) listener();
  }

  onChange(listener: (leads: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What the part under test has missed, and what it answers to what others have. */
  readonly missed: VersionRange[] = [];
  endedWithin: (missed: VersionRange) => ReadonlyMap<string, string> = () => new Map();
  readonly #endedListeners = new Set<(containerId: string, deploymentUid: string) => void>();

  reportMissed(missed: VersionRange): void {
    this.missed.push(missed);
  }

  answerMissed(endedWithin: (missed: VersionRange) => ReadonlyMap<string, string>): void {
    this.endedWithin = endedWithin;
  }

  onEnded(listener: (containerId: string, deploymentUid: string) => void): () => void {
    this.#endedListeners.add(listener);
    return () => this.#endedListeners.delete(listener);
  }

  /** As when another replica has told of it. */
  ended(containerId: string, deploymentUid: string): void {
    for (const listener of this.#endedListeners) listener(containerId, deploymentUid);
  }

  onSentLate(listener: () => void): () => void {
    this.#sentLateListeners.add(listener);
    return () => this.#sentLateListeners.delete(listener);
  }

  reportSentLate(): void {
    this.asked.push('reportSentLate');
  }

  standBack(): void {
    this.asked.push('standBack');
  }
}
