/**
 * The Lease by which replicas agree on their leader, and what to do about it: client-go's algorithm, decided from what was observed, without looking at a clock or asking
 * anybody itself. Times without a unit are milliseconds of the local monotonic clock.
 */
import type { VersionRange } from '../containers/resource-version.ts';

/** client-go's own. The leader stops leading a good while before others may take the Lease. */
export const leaseDurationMs = 15_000;
export const renewDeadlineMs = 10_000;
export const renewPeriodMs = 2_000;

/** What is told in a Lease of containers that ended, at a time: some tens of kilobytes. */
const maxEnded = 500;

/** What a call may take: a leader whose call hangs has the time for another one. */
export const callTimeoutMs = renewDeadlineMs / 2;

/** How long a standby waits before it looks again, so that several don't look at once. Milliseconds. */
export function lookAgainAfterMs(chance: number): number {
  return 1_000 + 800 * chance;
}

/** What this replica saw of the Lease last, and since when its record is the same. */
export interface Observation {
  lease: Lease;
  since: number;
}

/**
 * @param now - when the answer came: who counts from later waits longer, which does no harm
 */
export function observe(before: Observation | undefined, lease: Lease, now: number): Observation {
  const isSame = before !== undefined && equalRecords(before.lease.record, lease.record);
  return { lease, since: isSame ? before.since : now };
}

function equalRecords(one: LeaseRecord, other: LeaseRecord): boolean {
  return (
    one.holder === other.holder &&
    one.durationSeconds === other.durationSeconds &&
    one.acquireTime === other.acquireTime &&
    one.renewTime === other.renewTime &&
    one.transitions === other.transitions
  );
}

export interface Situation {
  identity: string;
  /** Whether the Lease is there; false also before it was ever seen. */
  exists: boolean;
  /** The last one that there was. */
  observed: Observation | undefined;
  now: number;
  /** Of the system's clock, for the record. */
  time: Date;
  /** Takes no part in the election until then, and gives up what it holds. Absent: takes part. */
  standsBackUntil?: number;
  /** What is to be said in the Lease for having sent late; absent: nothing. */
  sentLate?: string;
  /** For how long this replica has not known what happens in the cluster; absent: it does know. */
  blindMs?: number;
  /** What its watch has missed of late; absent: nothing. */
  missed?: VersionRange;
  /** What is to be told the holder of containers that ended within what it has missed, uids by container id. */
  ended?: ReadonlyMap<string, string>;
}

export type Decision =
  | { action: 'wait' }
  | { action: 'create'; lease: Omit<Lease, 'metadata'> }
  /** `claim` takes or renews the Lease, `release` gives it up, `tell` changes nothing but what the leader is told. */
  | { action: 'claim' | 'release' | 'tell'; lease: Lease };

export function decide(situation: Situation): Decision {
  const { identity, exists, observed, now, time, standsBackUntil, missed } = situation;
  const standsBack = standsBackUntil !== undefined && now < standsBackUntil;
  if (observed === undefined) {
    return standsBack ? { action: 'wait' } : { action: 'create', lease: { record: firstRecord(identity, time) } };
  }
  const { lease } = observed;
  const isOurs = lease.record.holder === identity;
  const isFree = isOurs || !isHeld(observed, now);
  if (!exists) {
    // Whoever held it does not know yet that it is gone.
    if (standsBack || !isFree) return { action: 'wait' };
    return { action: 'create', lease: { ...lease, record: nextRecord(lease.record, identity, time) } };
  }
  const { ended, isBlind: _, seer: __, missed: ___, ...kept } = lease;
  if (isFree && !standsBack) {
    // One that was released is for a replica that knows what happens, where there is one.
    if (!isOurs && seesNothing(situation, 0) && now < observed.since + leaseDurationMs) return { action: 'wait' };
    const record = nextRecord(lease.record, identity, time);
    const isBlind = seesNothing(situation, leaseDurationMs);
    return { action: 'claim', lease: { ...kept, record, ...(missed && { missed }), ...(isBlind && { isBlind }) } };
  }
  if (isOurs) {
    const record = releasedRecord(lease.record, time);
    return { action: 'release', lease: { ...kept, ...(ended && { ended }), record } };
  }
  const told = tell(situation, lease);
  return told === undefined ? { action: 'wait' } : { action: 'tell', lease: told };
}

function seesNothing({ blindMs = 0 }: Situation, forMs: number): boolean {
  return blindMs > forMs;
}

/** The Lease of another holder with what it is to be told; absent: nothing. */
function tell(situation: Situation, lease: Lease): Lease | undefined {
  const { identity, sentLate, ended = new Map<string, string>() } = situation;
  const isSeer = lease.isBlind === true && lease.seer === undefined && !seesNothing(situation, 0);
  const room = maxEnded - Object.keys(lease.ended ?? {}).length;
  const added = Object.fromEntries([...ended].slice(0, Math.max(0, room)));
  const addsNothing = Object.keys(added).length === 0;
  if (sentLate === undefined && !isSeer && addsNothing) return undefined;
  return {
    ...lease,
    ...(sentLate !== undefined && { sentLate }),
    ...(isSeer && { seer: identity }),
    ...(!addsNothing && { ended: { ...lease.ended, ...added } }),
  };
}

/** Whether the holder, if there is one, may still believe that it leads. The Lease's own duration counts, not ours. */
export function isHeld({ lease: { record }, since }: Observation, now: number): boolean {
  return record.holder !== '' && now < since + record.durationSeconds * 1_000;
}

function firstRecord(identity: string, time: Date): LeaseRecord {
  const now = microTime(time);
  return {
    holder: identity,
    durationSeconds: leaseDurationMs / 1_000,
    acquireTime: now,
    renewTime: now,
    transitions: 0,
  };
}

/** Renewed where it is ours, else taken over. */
function nextRecord(before: LeaseRecord, identity: string, time: Date): LeaseRecord {
  const first = firstRecord(identity, time);
  if (before.holder !== identity) return { ...first, transitions: before.transitions + 1 };
  return { ...first, acquireTime: before.acquireTime, transitions: before.transitions };
}

/** Free at once, also for those who look at nothing but the duration. */
function releasedRecord(before: LeaseRecord, time: Date): LeaseRecord {
  const now = microTime(time);
  return { holder: '', durationSeconds: 1, acquireTime: now, renewTime: now, transitions: before.transitions };
}

/** RFC 3339 with the six fraction digits that the API server asks of a Lease. */
function microTime(time: Date): string {
  return time.toISOString().replace('Z', '000Z');
}

/** What the holder says of itself, coordination.k8s.io/v1. The times are for people: no decision goes by them. */
export interface LeaseRecord {
  /** Empty: released. */
  holder: string;
  /** Who observes no change for so long may take the Lease. */
  durationSeconds: number;
  acquireTime: string;
  renewTime: string;
  /** How often the holder was another one than before. */
  transitions: number;
}

export interface Lease {
  record: LeaseRecord;
  /** Another one whenever a deposed replica says that it may have sent late. Absent: none ever did. */
  sentLate?: string;
  /** The part of the history that the holder's watch has missed in the last minutes. Absent: none. */
  missed?: VersionRange;
  /** By container id, the uids of Deployments that others know to have ended within that part, for the holder to take. */
  ended?: Readonly<Record<string, string>>;
  /** The holder has not known for a lease duration what happens in the cluster. */
  isBlind?: true;
  /** A replica that knows what happens, while the holder does not. */
  seer?: string;
  /** The object's metadata with its resourceVersion; written back as it is. */
  metadata: Readonly<Record<string, unknown>>;
}

/** The API server does not let this provider do something with the Lease. */
export class LeasePermissionError extends Error {
  override readonly name = 'LeasePermissionError';
  readonly verb: string;
  readonly resource = 'leases';
  readonly namespace: string;

  constructor(verb: string, namespace: string, options?: ErrorOptions) {
    super(`may not ${verb} leases in namespace ${namespace}`, options);
    this.verb = verb;
    this.namespace = namespace;
  }
}

/**
 * The Lease of one name. All methods end with the signal. They throw `LeasePermissionError`, or what else a call to the API
 * server can end in.
 */
export interface LeaseClient {
  /** Undefined: there is none. */
  get(signal: AbortSignal): Promise<Lease | undefined>;
  /** Undefined: somebody was faster. */
  create(lease: Omit<Lease, 'metadata'>, signal: AbortSignal): Promise<Lease | undefined>;
  /** Writes on top of the Lease that the metadata came with. Undefined: it is another one by now, or gone. */
  update(lease: Lease, signal: AbortSignal): Promise<Lease | undefined>;
  /** Ends its connections. */
  close(): Promise<void>;
}
