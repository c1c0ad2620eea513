/** What goes wrong on purpose: faults that meet requests by verb and resource, and tricks on the watches that are open. */
import { ApiError, type StatusBody, type StatusCause } from './api-error.ts';
import { matchesRequest, type RequestFilter, type RequestInfo } from './requests.ts';

export type FaultAction =
  /** The connection is cut before anything is done. */
  | { kind: 'drop' }
  /** The request is carried out, and the connection is cut instead of the answer. */
  | { kind: 'drop-answer' }
  /** The request is never answered; its connection stays open. */
  | { kind: 'hang' }
  /** The request is looked at that much later. */
  | { kind: 'delay'; milliseconds: number }
  /** The request is answered with a `Status`, or with the body given. */
  | {
      kind: 'refuse';
      code: number;
      reason?: string;
      message?: string;
      causes?: StatusCause[];
      /** Sent as the header of that name, in seconds. */
      retryAfter?: number;
      /** Sent as it is in place of a `Status`: what a proxy says, such as a page of HTML. */
      body?: string;
      contentType?: string;
    };

export interface FaultRule extends RequestFilter {
  action: FaultAction;
  /** How many requests it meets; absent: all until it is removed. */
  times?: number;
}

/** A fault that is switched on; leaving its scope with `using` switches it off. */
export interface Fault extends Disposable {
  /** How many requests it has met. */
  readonly hits: number;
  remove(): void;
}

/** A watch stream that is open, as the tricks need it. */
export interface OpenWatch {
  readonly resource: string;
  /** Cuts the connection. */
  reset(): void;
  /** Ends the stream regularly. */
  end(): void;
  /** Sends nothing from now on; the connection stays. */
  silence(): void;
  /** Sends an ERROR event with this status and ends the stream. */
  fail(status: StatusBody): void;
}

interface ActiveFault {
  rule: FaultRule;
  hits: number;
}

export class Faults {
  readonly #active = new Set<ActiveFault>();
  readonly #watches = new Set<OpenWatch>();

  add(rule: FaultRule): Fault {
    const active: ActiveFault = { rule, hits: 0 };
    this.#active.add(active);
    const remove = (): void => void this.#active.delete(active);
    return {
      get hits() {
        return active.hits;
      },
      remove,
      [Symbol.dispose]: remove,
    };
  }

  drop(filter: RequestFilter & { times?: number } = {}): Fault {
    return this.add({ ...filter, action: { kind: 'drop' } });
  }

  dropAnswer(filter: RequestFilter & { times?: number } = {}): Fault {
    return this.add({ ...filter, action: { kind: 'drop-answer' } });
  }

  hang(filter: RequestFilter & { times?: number } = {}): Fault {
    return this.add({ ...filter, action: { kind: 'hang' } });
  }

  delay(milliseconds: number, filter: RequestFilter & { times?: number } = {}): Fault {
    return this.add({ ...filter, action: { kind: 'delay', milliseconds } });
  }

  /** Answers with an error; reason and message are those usual for the code where they are not given. */
  refuse(
    refusal: Omit<Extract<FaultAction, { kind: 'refuse' }>, 'kind'>,
    filter: RequestFilter & { times?: number } = {},
  ): Fault {
    return this.add({ ...filter, action: { kind: 'refuse', ...refusal } });
  }

  /** Switches all faults off. Watches that were silenced stay silent. */
  clear(): void {
    this.#active.clear();
  }

  /** The fault that meets this request, and counts it. */
  meet(request: Pick<RequestInfo, 'verb' | 'resource'>): FaultAction | undefined {
    for (const fault of this.#active) {
      if (!matchesRequest(fault.rule, request)) continue;
      fault.hits += 1;
      if (fault.rule.times !== undefined && fault.hits >= fault.rule.times) this.#active.delete(fault);
      return fault.rule.action;
    }
    return undefined;
  }

  /** Registers an open watch until the returned function is called. */
  track(watch: OpenWatch): () => void {
    this.#watches.add(watch);
    return () => this.#watches.delete(watch);
  }

  /** How many watches are open. @param resource - absent: of any resource */
  openWatches(resource?: string): number {
    return this.#watchesOf(resource).length;
  }

  /** Cuts the connections of the open watches. */
  resetWatches(resource?: string): void {
    for (const watch of this.#watchesOf(resource)) watch.reset();
  }

  /** Ends the open watches as a server does whose time for them is up. */
  endWatches(resource?: string): void {
    for (const watch of this.#watchesOf(resource)) watch.end();
  }

  /** Makes the open watches go silent for good, with their connections open; new ones are not touched. */
  silenceWatches(resource?: string): void {
    for (const watch of this.#watchesOf(resource)) watch.silence();
  }

  /** Sends an ERROR event to the open watches and ends them. */
  failWatches(code: number, resource?: string): void {
    const { status } = refusalError({ kind: 'refuse', code });
    for (const watch of this.#watchesOf(resource)) watch.fail(status);
  }

  #watchesOf(resource?: string): OpenWatch[] {
    return [...this.#watches].filter((watch) => resource === undefined || watch.resource === resource);
  }
}

const usual: Record<number, [reason: string, message: string]> = {
  401: ['Unauthorized', 'Unauthorized'],
  403: ['Forbidden', 'forbidden: User "sandbox" cannot do this'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: ['Conflict', 'the object has been modified; please apply your changes to the latest version and try again'],
  410: ['Expired', 'The resourceVersion for the provided watch is too old.'],
  422: ['Invalid', 'the object is invalid'],
  429: ['TooManyRequests', 'Too many requests, please try again later.'],
  500: ['InternalError', 'Internal error occurred: etcdserver: leader changed'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in the time allotted'],
};

export function refusalError(refusal: Extract<FaultAction, { kind: 'refuse' }>): ApiError {
  const [reason, message] = usual[refusal.code] ?? [
    'InternalError',
    'an error on the server has prevented the request',
  ];
  return new ApiError(refusal.code, refusal.reason ?? reason, refusal.message ?? message, {
    ...(refusal.causes && { causes: refusal.causes }),
    ...(refusal.retryAfter !== undefined && { retryAfterSeconds: refusal.retryAfter }),
  });
}
