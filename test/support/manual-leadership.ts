/** A leadership that a test gives and takes. */
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
