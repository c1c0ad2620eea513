/** The environment as configuration: read once, checked whole, every fault named at once. */
import { NatsUrlError, parseNatsUrls } from '../status/nats-urls.ts';
import type { NatsServers } from '../status/nats-urls.ts';
import { parseListenAddress } from './address.ts';
import type { ListenAddress } from './address.ts';
import { MAX_TIMER_MS, parseDuration } from './duration.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Who this provider is: what it tells DCM and signs its events with. URLs are without trailing slashes. */
export interface ProviderIdentity {
  name: string;
  /** Base URL of this provider as DCM reaches it. */
  endpoint: string;
  displayName?: string;
  region?: string;
  zone?: string;
}

/** Times are milliseconds, 1 to `MAX_TIMER_MS`; the debounce window may be 0. */
export interface Config {
  logLevel: LogLevel;
  provider: ProviderIdentity;
  /** Base URL of the registry, without trailing slashes. */
  registrationUrl: string;
  kubernetes: {
    namespace: string;
    /** Path of a file; absent: the credentials that a Pod finds in its own cluster. */
    kubeconfig?: string;
    externalServiceType: 'LoadBalancer' | 'NodePort';
  };
  nats: NatsServers;
  monitor: { debounceMs: number; resyncPeriodMs: number };
  server: ListenAddress & { shutdownMs: number; readMs: number; writeMs: number; idleMs: number; requestMs: number };
}

export interface ConfigFault {
  variable: string;
  /** What is wrong and what is allowed, as a sentence without its subject; never holds a credential. */
  problem: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ variable, problem }) => `${variable} ${problem}`).join('\n'));
    this.faults = faults;
  }
}

interface Kind<T> {
  /** Completes "must be …". */
  allowed: string;
  /** Undefined: the value is not allowed. May throw a NatsUrlError to say more. */
  parse: (value: string) => T | undefined;
  /** The value may hold credentials, and is not repeated in a fault. */
  confidential?: boolean;
}

const text: Kind<string> = {
  allowed: 'text without control characters',
  parse: (value) => (/\p{Cc}/u.test(value) ? undefined : value),
};

const providerName: Kind<string> = {
  allowed: 'made of letters, digits, ".", "_" and "-"',
  parse: (value) => (/^[A-Za-z0-9._-]+$/.test(value) ? value : undefined),
};

const namespace: Kind<string> = {
  allowed: 'the name of a namespace: 1 to 63 lower-case letters, digits and "-", first and last a letter or digit',
  parse: (value) => (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value) ? value : undefined),
};

const baseUrl: Kind<string> = {
  allowed: 'an http or https URL without user, password, query and fragment, such as http://host:8080/path',
  parse: parseBaseUrl,
  confidential: true,
};

const natsUrls: Kind<NatsServers> = {
  allowed: 'a NATS URL or a comma-separated list of them, such as nats://host:4222',
  parse: parseNatsUrls,
  confidential: true,
};

const listenAddress: Kind<ListenAddress> = {
  allowed: 'host:port, :port or [IPv6]:port, with a port from 0 to 65535',
  parse: parseListenAddress,
};

const duration: Kind<number> = {
  allowed: 'a duration above 0 and up to 596h, such as 500ms, 15s or 1m30s',
  parse(value) {
    const ms = parseDuration(value);
    return ms !== undefined && ms > 0 && ms <= MAX_TIMER_MS ? ms : undefined;
  },
};

const milliseconds: Kind<number> = {
  allowed: `a whole number of milliseconds from 0 to ${MAX_TIMER_MS}`,
  parse: (value) => (/^\d{1,10}$/.test(value) && Number(value) <= MAX_TIMER_MS ? Number(value) : undefined),
};

function oneOf<const T extends string>(...values: T[]): Kind<T> {
  return { allowed: `one of ${values.join(', ')}`, parse: (value) => values.find((allowed) => allowed === value) };
}

/**
 * @param env - a variable that is empty counts as absent
 * @throws ConfigError with every fault there is
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const faults: ConfigFault[] = [];

  function optional<T>(variable: string, kind: Kind<T>): T | undefined {
    const value = env[variable];
    if (value === undefined || value === '') return undefined;
    try {
      const parsed = kind.parse(value);
      if (parsed === undefined) faults.push({ variable, problem: describeBadValue(value, kind) });
      return parsed;
    } catch (error) {
      if (!(error instanceof NatsUrlError)) throw error;
      faults.push(...error.faults.map((problem) => ({ variable, problem })));
      return undefined;
    }
  }

  /** What it returns after a fault is never seen: the faults are thrown before the configuration is returned. */
  function required<T>(variable: string, kind: Kind<T>): T {
    if ((env[variable] ?? '') === '') faults.push({ variable, problem: `is required: it must be ${kind.allowed}` });
    return optional(variable, kind) as T;
  }

  const provider = {
    name: required('SP_NAME', providerName),
    endpoint: required('SP_ENDPOINT', baseUrl),
    ...present('displayName', optional('SP_DISPLAY_NAME', text)),
    ...present('region', optional('SP_REGION', text)),
    ...present('zone', optional('SP_ZONE', text)),
  };
  const registrationUrl = required('DCM_REGISTRATION_URL', baseUrl);
  const kubernetes = {
    namespace: optional('SP_K8S_NAMESPACE', namespace) ?? 'default',
    ...present('kubeconfig', optional('SP_K8S_KUBECONFIG', text)),
    externalServiceType: required('SP_K8S_EXTERNAL_SVC_TYPE', oneOf('LoadBalancer', 'NodePort')),
  };
  const nats = required('SP_NATS_URL', natsUrls);
  const monitor = {
    debounceMs: optional('SP_MONITOR_DEBOUNCE_MS', milliseconds) ?? 500,
    resyncPeriodMs: optional('SP_MONITOR_RESYNC_PERIOD', duration) ?? 10 * 60_000,
  };
  const server = {
    ...(optional('SP_SERVER_ADDRESS', listenAddress) ?? { host: '', port: 8080 }),
    shutdownMs: optional('SP_SERVER_SHUTDOWN_TIMEOUT', duration) ?? 15_000,
    readMs: optional('SP_SERVER_READ_TIMEOUT', duration) ?? 15_000,
    writeMs: optional('SP_SERVER_WRITE_TIMEOUT', duration) ?? 15_000,
    idleMs: optional('SP_SERVER_IDLE_TIMEOUT', duration) ?? 60_000,
    requestMs: optional('SP_SERVER_REQUEST_TIMEOUT', duration) ?? 30_000,
  };
  const logLevel = optional('SP_LOG_LEVEL', oneOf('error', 'warn', 'info', 'debug')) ?? 'info';

  if (faults.length > 0) throw new ConfigError(faults);
  return { logLevel, provider, registrationUrl, kubernetes, nats, monitor, server };
}

function describeBadValue(value: string, { allowed, confidential = false }: Kind<unknown>): string {
  const shown = confidential ? 'has a value that is not allowed' : `is ${JSON.stringify(value.slice(0, 80))}`;
  return `${shown}: it must be ${allowed}`;
}

/** Checked by hand first, since `URL` mends what is not a URL: it trims, and takes `http:host` and `http:\\host`. */
function parseBaseUrl(value: string): string | undefined {
  if (!/^https?:\/\/[^/\\\s\p{Cc}@?#][^\\\s\p{Cc}?#]*$/iu.test(value) || !URL.canParse(value)) return undefined;
  const { username, password } = new URL(value);
  return username === '' && password === '' ? value.replace(/\/+$/, '') : undefined;
}

/** One property, or none where the value is undefined: optional properties are absent rather than undefined. */
function present<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, T>>);
}
