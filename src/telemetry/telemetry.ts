/** What parts tell about what they do, handed in where something is to be told. */
import type { Logger } from 'pino';
import type { ContainerStatus } from '../containers/container.ts';

export interface Telemetry {
  log: Logger;
  /** Absent: nothing is counted. */
  metrics?: Metrics;
}

/** Times are in seconds, as Prometheus has them. Nothing here says which container it is about. */
export interface Metrics {
  requestEnded(request: RequestEnd): void;
  clusterCallEnded(call: ClusterCall): void;
  /** NATS has confirmed a status event, this long after the status was seen. */
  eventPublished(delaySeconds: number): void;
  /** A status event was given up. */
  eventDropped(): void;
  registrationAnswered(outcome: 'registered' | 'refused' | 'failed'): void;
}

export interface RequestEnd {
  method: string;
  /** The path as the contract has it; absent for what is none of the contract's. */
  route?: string | undefined;
  /** Absent where the client left before the answer was out. */
  status?: number | undefined;
  seconds: number;
}

export interface ClusterCall {
  /** The method, as HTTP has it. */
  method: string;
  /** Host and port of the API server. */
  host: string;
  /** Absent where there was no answer. */
  status?: number;
  seconds: number;
}

/** What the status events tell of their state when they are asked. */
export interface EventStats {
  /** Containers by the status that was reported last. */
  containers: ReadonlyMap<ContainerStatus, number>;
  /** Containers of which a status event is not confirmed yet. */
  unconfirmed: number;
  /** Whether there is a connection to NATS. */
  connected: boolean;
  /** Keys that the key-value bucket has not taken yet, or not given up. Absent: there is no bucket. */
  owedKeys?: number;
}

const nothing = (): void => undefined;

export const noMetrics: Metrics = {
  requestEnded: nothing,
  clusterCallEnded: nothing,
  eventPublished: nothing,
  eventDropped: nothing,
  registrationAnswered: nothing,
};
