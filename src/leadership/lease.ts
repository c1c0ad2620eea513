/** The Lease by which replicas agree on their leader, as the election sees it. */
import type { VersionRange } from '../containers/resource-version.ts';

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
