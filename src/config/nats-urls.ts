/** Where NATS is and how to sign in there, from one URL or a comma-separated list; the client itself understands only parts. */
import { withoutUndefined } from '../containers/json.ts';

/** One way of signing in, or none; files are read again at each connection, so that renewed ones are used. */
export interface NatsServers {
  /** `host:port`, at least one; tried in random order. */
  servers: string[];
  user?: string;
  password?: string;
  token?: string;
  /** Path of a credentials file: a JWT and its nkey seed. */
  credentialsFile?: string;
  /** Present: never in plain text. Absent: TLS only where a server demands or offers it. */
  tls?: NatsTls;
}

/** Files are PEM. */
export interface NatsTls {
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  /** Whether the server wants the handshake before it says anything; absent: no. */
  handshakeFirst?: boolean;
}

export class NatsUrlError extends Error {
  override readonly name = 'NatsUrlError';
  /** Sentences without a subject, each with the place in the list; never a part of a URL. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

/** Everything of one URL but its host: must be the same in all URLs of a list, since the client takes one set for all. */
interface SharedOptions {
  user?: string;
  password?: string;
  token?: string;
  credentialsFile?: string;
  tls?: NatsTls;
}

const defaultPort = '4222';
const fileParameters = ['credentials', 'ca', 'cert', 'key'] as const;
const tlsFirst = 'tls_first';
const tlsParameters = ['ca', 'cert', 'key', tlsFirst] as const;

/**
 * Takes `nats://host:4222`, `tls://host`, `nats://user:password@host`, `nats://token@host`, and lists of them with commas.
 * Files go into the query: `?credentials=/path` for a credentials file; `ca`, `cert` and `key` for TLS, beside
 * `tls_first=true` for servers that begin with the handshake. What stands before the `@` and in the query is
 * percent-encoded. In a list, what only some URLs have counts for all.
 *
 * @throws NatsUrlError with all problems there are
 */
export function parseNatsUrls(value: string): NatsServers {
  const problems: string[] = [];
  const servers: string[] = [];
  const accesses: SharedOptions[] = [];
  const urls = value.split(',').map((url) => url.trim());
  for (const [index, url] of urls.entries()) {
    const place = urls.length === 1 ? '' : `server ${index + 1} of the list `;
    const parsed = parseOne(url, (problem) => problems.push(place + problem));
    if (parsed === undefined) continue;
    servers.push(parsed.server);
    accesses.push(parsed.access);
  }
  const access = merge(accesses, (problem) => problems.push(problem));
  if (problems.length > 0) throw new NatsUrlError(problems);
  return { servers: [...new Set(servers)], ...access };
}

function parseOne(
  value: string,
  report: (problem: string) => void,
): { server: string; access: SharedOptions } | undefined {
  const url = value.includes('://') ? URL.parse(value) : null;
  if (url === null) {
    report(value === '' ? 'is empty' : 'is not a URL such as nats://host:4222');
    return undefined;
  }
  const problems = [...addressProblems(url), ...queryProblems(url.searchParams)];
  const signIn = parseSignIn(url);
  if (signIn === undefined) problems.push('has a user, password or token that is not percent-encoded as it must be');
  for (const problem of problems) report(problem);
  if (problems.length > 0) return undefined;
  const file = (name: (typeof fileParameters)[number]) => url.searchParams.get(name) ?? undefined;
  const handshakeFirst = url.searchParams.has(tlsFirst) ? url.searchParams.get(tlsFirst) === 'true' : undefined;
  const tls = withoutUndefined({ caFile: file('ca'), certFile: file('cert'), keyFile: file('key'), handshakeFirst });
  return {
    server: `${url.hostname}:${url.port || defaultPort}`,
    access: {
      ...signIn,
      ...withoutUndefined({ credentialsFile: file('credentials') }),
      ...(url.protocol === 'tls:' && { tls }),
    },
  };
}

function addressProblems(url: URL): string[] {
  const problems: string[] = [];
  const files = url.searchParams;
  if (url.protocol !== 'nats:' && url.protocol !== 'tls:') problems.push('must begin with nats:// or tls://');
  if (!/^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$/.test(url.hostname)) problems.push('has no valid host');
  if (url.port === '0') problems.push('has port 0');
  if (url.pathname !== '' && url.pathname !== '/') problems.push('must not have a path');
  if (url.hash !== '') problems.push('must not have a fragment');
  if (url.protocol === 'nats:' && tlsParameters.some((name) => files.has(name))) {
    problems.push('has parameters for TLS, but does not begin with tls://');
  }
  if (files.has('cert') !== files.has('key')) problems.push('needs both cert and key, or neither');
  return problems;
}

function queryProblems(query: URLSearchParams): string[] {
  const problems: string[] = [];
  for (const name of new Set(query.keys())) {
    if (name === tlsFirst) {
      if (!/^(true|false)$/.test(query.getAll(name).join()))
        problems.push(`must have true or false for ${tlsFirst}, once`);
    } else if (!fileParameters.some((known) => known === name)) {
      problems.push(`has an unknown parameter; ${[...fileParameters, tlsFirst].join(', ')} are allowed`);
    } else if (query.getAll(name).length > 1 || query.get(name) === '') {
      problems.push(`must have one path for the parameter ${name}`);
    }
  }
  return problems;
}

/** A user without a password is a token. Undefined: the encoding is broken. */
function parseSignIn({ username, password }: URL): SharedOptions | undefined {
  if (username === '' && password === '') return {};
  try {
    const [first, second] = [decodeURIComponent(username), decodeURIComponent(password)];
    return second === '' ? { token: first } : { user: first, password: second };
  } catch {
    return undefined;
  }
}

function merge(accesses: readonly SharedOptions[], report: (problem: string) => void): SharedOptions {
  const { tls: _, ...merged } = unify(accesses, signInWords, report);
  const tls = accesses.map((access) => access.tls).filter((options) => options !== undefined);
  if (tls.length > 0 && tls.length < accesses.length) report('must not mix tls:// with nats://');
  const ways = [merged.user, merged.token, merged.credentialsFile].filter((way) => way !== undefined);
  if (ways.length > 1) report('must have one of user and password, token, and credentials file');
  return { ...merged, ...(tls.length > 0 && { tls: unify(tls, tlsWords, report) }) };
}

/** What any of them has; reports by its word what they have differently. */
function unify<T extends object>(
  parts: readonly T[],
  words: Partial<Record<keyof T, string>>,
  report: (problem: string) => void,
): T {
  const all = Object.assign({}, ...parts) as T;
  for (const key of Object.keys(words) as (keyof T)[]) {
    if (parts.some((part) => part[key] !== undefined && part[key] !== all[key])) {
      report(`must have the same ${words[key]!} for all servers`);
    }
  }
  return all;
}

const signInWords = {
  user: 'user',
  password: 'password',
  token: 'token',
  credentialsFile: 'credentials file',
} as const;

const tlsWords = { caFile: 'ca', certFile: 'cert', keyFile: 'key', handshakeFirst: tlsFirst } as const;
