/** What was asked of the API: counters for assertions, and the last requests in full. */

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** What a request is about, as access rules name it. */
export interface RequestInfo {
  verb: Verb;
  /** Plural name, with the subresource where there is one (`deployments/status`); the path for everything else (`/version`). */
  resource: string;
  namespace?: string;
  name?: string;
  /** With the leading question mark; empty where there is none. */
  query: string;
}

export interface RequestFilter {
  verb?: Verb | readonly Verb[];
  resource?: string | readonly string[];
}

export function matchesRequest(
  filter: RequestFilter,
  { verb, resource }: Pick<RequestInfo, 'verb' | 'resource'>,
): boolean {
  return isOneOf(filter.verb, verb) && isOneOf(filter.resource, resource);
}

function isOneOf<Value>(wanted: Value | readonly Value[] | undefined, found: Value): boolean {
  if (wanted === undefined) return true;
  return Array.isArray(wanted) ? wanted.includes(found) : wanted === found;
}

/** The last requests that are kept in full; the counters have all. */
const keptRequests = 10_000;

export class RequestLog {
  readonly #counts = new Map<string, { verb: Verb; resource: string; count: number }>();
  #last: RequestInfo[] = [];

  add(request: RequestInfo): void {
    const key = `${request.verb} ${request.resource}`;
    const counter = this.#counts.get(key);
    if (counter) counter.count += 1;
    else this.#counts.set(key, { verb: request.verb, resource: request.resource, count: 1 });
    this.#last.push(request);
    if (this.#last.length > 2 * keptRequests) this.#last = this.#last.slice(-keptRequests);
  }

  /** How many requests came since the start or the last `clear`, those that a fault met included. */
  count(filter: RequestFilter = {}): number {
    let sum = 0;
    for (const counter of this.#counts.values()) if (matchesRequest(filter, counter)) sum += counter.count;
    return sum;
  }

  /** The newest last; at most 10,000. */
  last(filter: RequestFilter = {}): RequestInfo[] {
    return this.#last.slice(-keptRequests).filter((request) => matchesRequest(filter, request));
  }

  clear(): void {
    this.#counts.clear();
    this.#last = [];
  }
}
