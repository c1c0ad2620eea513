/** What a cluster says of its containers, for as long as a test lets it answer. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerCensus } from '../../src/containers/census.ts';
import type { MemorySource } from './container-feed.ts';

export class SourceCensus implements ContainerCensus {
  readonly namespace = 'containers';
  /** Of the namespace; undefined: may not be read. */
  uid: string | undefined = 'namespace-1';
  isAway = false;
  /** How long the namespace takes to answer. */
  delayMs = 0;
  namespaceReads = 0;
  /** Called as a list begins, before the cluster is looked at. */
  onList: () => void | Promise<void> = () => undefined;
  readonly #source: MemorySource;

  constructor(source: MemorySource) {
    this.#source = source;
  }

  async namespaceUid(): Promise<string | undefined> {
    this.namespaceReads++;
    if (this.delayMs > 0) await delay(this.delayMs);
    if (this.isAway) throw new Error('the cluster is away');
    return this.uid;
  }

  async listIds(): Promise<ReadonlySet<string>> {
    await this.onList();
    if (this.isAway) throw new Error('the cluster is away');
    const exists = (id: string) => this.#source.observe(id).deployment?.deletedAt === undefined;
    return new Set([...this.#source.ids()].filter(exists));
  }
}
