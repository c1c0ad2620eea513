/** A Lease in memory with the rules of an API server, and the faults that can come between it and a replica. */
import type { Lease, LeaseClient } from '../../src/leadership/election.ts';

/** `deaf` is the worst: what is asked is done, and the answer is lost. */
export type Line = 'up' | 'refused' | 'silent' | 'deaf';

export class LeaseServer {
  lease: Lease | undefined;
  /** All that was written, oldest first. */
  readonly writes: { by: string; lease: Lease }[] = [];
  #version = 0;

  /** A client of its own for each replica, whose line the test may cut. */
  connect(name: string): LeaseClient & { line: Line; fails: Error | undefined } {
    const client = {
      line: 'up' as Line,
      fails: undefined as Error | undefined,
      get: (signal: AbortSignal) => exchange(signal, () => this.lease),
      close: () => Promise.resolve(),
      create: (lease: Omit<Lease, 'metadata'>, signal: AbortSignal) =>
        exchange(signal, () => (this.lease === undefined ? this.#write(name, lease) : undefined)),
      update: (lease: Lease, signal: AbortSignal) =>
        exchange(signal, () => {
          if (this.lease === undefined) return undefined;
          const { resourceVersion } = lease.metadata;
          return this.lease.metadata['resourceVersion'] === resourceVersion ? this.#write(name, lease) : undefined;
        }),
    };
    const exchange = async <T>(signal: AbortSignal, act: () => T): Promise<T> => {
      const { line } = client;
      await Promise.resolve();
      signal.throwIfAborted();
      if (client.fails !== undefined) throw client.fails;
      if (line === 'refused') throw new Error('connection refused');
      if (line === 'up') return act();
      if (line === 'deaf') act();
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    return client;
  }

  remove(): void {
    this.lease = undefined;
  }

  #write(by: string, lease: Omit<Lease, 'metadata'>): Lease {
    this.#version += 1;
    this.lease = { ...lease, metadata: { resourceVersion: String(this.#version) } };
    this.writes.push({ by, lease: this.lease });
    return this.lease;
  }
}
