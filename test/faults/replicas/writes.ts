/**
 * Which writes to the cluster have a reason: what a client asked of the very replica, what the holder of the Lease repairs,
 * and the election itself. All else is more than one leader makes.
 */
import { isDeepStrictEqual } from 'node:util';

import type { Write } from '../../support/audit-log.ts';

/** What is known of a replica beside the audit log. */
export interface Writer {
  name: string;
  /** The address that its writes come from. */
  clusterAddress: string;
  /** What clients asked of it: `create web-1`, `delete web-1`. */
  asked: ReadonlySet<string>;
}

export interface WriteCounts {
  /** For what a client asked of this replica. */
  asked: number;
  /** Services that it made for a container that another one created, while it held the Lease. */
  repairs: number;
  /** Of the Lease. */
  lease: number;
}

export interface WriteReport {
  /** By the replica's name. */
  counts: Map<string, WriteCounts>;
  /** Writes without a reason, each in words. */
  faults: string[];
}

interface LeaseObject {
  spec: { holderIdentity?: string; leaseDurationSeconds?: number };
}

/** @param writes - of everybody, in any order; those that come from none of the writers are left out */
export function judgeWrites(writes: readonly Write[], writers: readonly Writer[]): WriteReport {
  const lease = new LeaseHistory();
  const counts = new Map<string, WriteCounts>(writers.map(({ name }) => [name, { asked: 0, repairs: 0, lease: 0 }]));
  const faults: string[] = [];
  const made = new Set<string>();
  for (const write of writes.toSorted((a, b) => a.at - b.at)) {
    const { verb, resource, name, code } = write;
    const writer = writers.find(({ clusterAddress }) => clusterAddress === write.from);
    const object = `${resource} ${name}`;
    if (verb === 'delete' && code < 300) made.delete(object);
    if (writer === undefined) continue;
    const count = counts.get(writer.name)!;
    const complain = (why: string): void => {
      faults.push(`${writer.name} at ${new Date(write.at).toISOString()}: ${verb} ${object} (${code}): ${why}`);
    };
    if (resource === 'leases') {
      count.lease += 1;
      const fault = lease.write(write);
      if (fault !== undefined) complain(fault);
      continue;
    }
    if (isAskedFor(write, writer)) count.asked += 1;
    else if (verb === 'create' && resource === 'services' && lease.isHeldBy(write.from)) count.repairs += 1;
    else complain('nobody asked this replica, and it does not hold the Lease');
    if (verb !== 'create' || code >= 300) continue;
    if (made.has(object)) complain('it was made before');
    made.add(object);
  }
  return { counts, faults };
}

/** A create that fails half-way is rolled back by deletes. */
function isAskedFor({ verb, resource, name }: Write, { asked }: Writer): boolean {
  if (resource !== 'deployments' && resource !== 'services') return false;
  const id = resource === 'deployments' ? name.slice('dcm-'.length) : idOfService(name);
  if (verb === 'create') return asked.has(`create ${id}`);
  return verb === 'delete' && (asked.has(`delete ${id}`) || asked.has(`create ${id}`));
}

/** `dcm-<id>-<incarnation>`, of ids that are short enough not to be cut. */
function idOfService(name: string): string {
  return name.replace(/-external$/, '').replace(/^dcm-(.*)-[^-]*$/, '$1');
}

/** The Lease as its writes have it. */
class LeaseHistory {
  #spec: LeaseObject['spec'] | undefined;
  #holderFrom: string | undefined;
  /** When the holder wrote it last. */
  #heldAt = 0;

  isHeldBy(from: string): boolean {
    return this.#holderFrom === from;
  }

  /** @returns what was wrong with the write */
  write({ at, from, code, object }: Write): string | undefined {
    if (code >= 300) return undefined;
    const { spec } = object as LeaseObject;
    const before = this.#spec;
    const { holderIdentity: holder = '', leaseDurationSeconds: seconds = 0 } = before ?? {};
    if (from !== this.#holderFrom && isDeepStrictEqual(spec, before)) return undefined;
    const heldForMs = at - this.#heldAt;
    const isTakenOver = from !== this.#holderFrom && holder !== '';
    this.#spec = spec;
    this.#holderFrom = spec.holderIdentity === '' ? undefined : from;
    this.#heldAt = at;
    if (!isTakenOver || heldForMs >= seconds * 1_000) return undefined;
    return `the Lease was renewed ${heldForMs} ms before, and lasts ${seconds} s`;
  }
}
