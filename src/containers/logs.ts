/** What containers have written to their standard output and error, as the HTTP handlers ask for it. */
import type { Readable } from 'node:stream';
import type { CallOptions } from './repository.ts';

export interface LogRequest {
  /** How many of the last lines; 0: none of those that are there. */
  tailLines: number;
  /** How old lines may be, in milliseconds, above 0; absent: however old. */
  sinceMs?: number;
  /** Of the run before the present one. */
  previous: boolean;
  /** Each line begins with the time at which it was written. */
  timestamps: boolean;
  /** What is written from now on too, until `release`, or the container ends, or is another one. */
  follow: boolean;
}

export interface ContainerLogs {
  /**
   * The text, which is read from the cluster no faster than it is read here. A container that has none (yet) has an empty
   * one. The stream ends with an error where the cluster breaks off; it is over once the signal is aborted or it is destroyed.
   *
   * @throws NotFoundError; ConflictError when two Deployments carry the id; UnavailableError where too many are read
   *   already, or the cluster cannot give it; InternalError
   */
  read(id: string, request: LogRequest, options: CallOptions): Promise<Readable>;
  /** Ends all streams that follow. */
  release(): void;
}
