/**
 * Who of several replicas publishes, repairs and registers: what the other parts know of it, and the answer where only
 * one replica runs.
 */
import type { VersionRange } from '../containers/resource-version.ts';

export interface Leadership {
  /**
   * Whether this replica leads, judged by the monotonic clock at the moment of asking: false as soon as the time within
   * which it had to renew its claim is over, however long the process was busy or frozen since. Ask again before every
   * batch and every write; nothing that was asked before an `await` holds after it.
   */
  readonly leads: boolean;
  /**
   * Calls back with every change of `leads`, soon after it; the present value is not told. Who was deposed and leads
   * again is told of both. Listeners are quick and don't throw.
   *
   * @returns the function that ends it
   */
  onChange(listener: (leads: boolean) => void): () => void;
}

/** What the sender of events needs beyond that, so that the last event of every container to arrive is a true one. */
export interface SenderLeadership extends Leadership {
  /** A new leader reports everything once more after this: what the former one sent has arrived by then. Milliseconds. */
  readonly leaseDurationMs: number;
  /**
   * Calls back when a replica that was deposed has said that events of it may have arrived after those of this one:
   * everything is to be reported again. Only ever called while this replica leads.
   *
   * @returns the function that ends it
   */
  onSentLate(listener: () => void): () => void;
  /**
   * Says that this replica, deposed, had handed events to its connection that nobody confirmed while it led. The leader
   * is told through the Lease, as soon as the API server can be reached. Of no effect while this replica leads.
   */
  reportSentLate(): void;
  /**
   * Gives the leadership up and takes no part in the election for one lease duration: for a leader whose events reach
   * nobody. Of no effect on a replica that doesn't lead.
   */
  standBack(): void;
  /**
   * Says that this replica's watch has missed a part of the history. While it leads it asks the others, through the Lease,
   * for the containers that came and went within it, for some minutes.
   */
  reportMissed(missed: VersionRange): void;
  /**
   * Asks while another replica leads, and has missed a part of the history, for what this one knows to have ended within
   * it: uids of Deployments by container id. Each is told that leader once.
   */
  answerMissed(endedWithin: (missed: VersionRange) => ReadonlyMap<string, string>): void;
  /**
   * Calls back for each container that another replica knows to have ended while this one's watch missed it; also shortly
   * after this one was deposed.
   *
   * @returns the function that ends it
   */
  onEnded(listener: (containerId: string, deploymentUid: string) => void): () => void;
}

/** The longest that a leader goes without a connection to the message broker before it stands back. Milliseconds. */
export const maxUnconnectedMs = 60_000;

const nothing = (): void => undefined;

/** There is no election: the one replica leads from start to end. */
export const alwaysLeads: SenderLeadership = {
  leads: true,
  leaseDurationMs: 15_000,
  onChange: () => nothing,
  onSentLate: () => nothing,
  reportSentLate: nothing,
  standBack: nothing,
  reportMissed: nothing,
  answerMissed: nothing,
  onEnded: () => nothing,
};
