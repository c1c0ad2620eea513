/** The environment as configuration: read once, checked whole, all that is wrong named at once. */
import { maxTimerMs } from '../clock.ts';
import { defaultAddressWaitMs, defaultCrashTolerance } from '../containers/status.ts';
import { NatsUrlError, parseNatsUrls } from './nats-urls.ts';
import type { NatsServers } from './nats-urls.ts';
import { parseHost, parseListenAddress } from './address.ts';
import type { ListenAddress } from './address.ts';
import { defaultHintPolicy, hintNames } from '../containers/hints.ts';
import type { HintName, HintPolicy } from '../containers/hints.ts';
import { parseAnnotationKeys, parseClaimNames, parseHintNames, parseObjectNames } from './hints.ts';
import { parseDuration } from './duration.ts';
import { defaultLeaseName, isObjectName } from './lease-name.ts';
import { isTrustworthyUrl } from '../trustworthy-url.ts';

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

/** How this provider gets its tokens: the client credentials grant of OAuth 2.0. */
export interface ClientCredentials {
  /** Over https or on this machine, unless plain http was allowed. */
  tokenEndpoint: string;
  clientId: string;
  clientSecret: string;
}

export interface RegistryConfig {
  /** Base URL, without trailing slashes. */
  url: string;
  /** 0: a registration is never repeated. */
  refreshMs: number;
  /** What the registry wants to see; absent: nothing. */
  authentication?: { token: string } | ClientCredentials;
}

/** Times are milliseconds, unless they say otherwise, 1 to `maxTimerMs`; the debounce window and the refresh of the registration may be 0. */
export interface Config {
  logLevel: LogLevel;
  /** Whether polls of health are lines of the log at INFO. */
  logHealth: boolean;
  provider: ProviderIdentity;
  /** Names that the provider had before: their containers are its own. */
  formerNames: readonly string[];
  registry: RegistryConfig;
  /** Absent: there is one replica, and no election. */
  leaderElection?: { leaseName: string };
  kubernetes: {
    namespace: string;
    /** Path of a file; absent: the credentials that a Pod finds in its own cluster. */
    kubeconfig?: string;
    externalServiceType: 'LoadBalancer' | 'NodePort';
    /** Host under which node ports are reached, an IPv6 address without brackets; absent: under none. */
    externalAddress?: string;
    /** Containers with both kinds of ports get a Service for the external ones alone. */
    isolateInternalPorts: boolean;
    /** How long a container may take to come up before it is `FAILED`, in whole seconds. */
    progressDeadlineSeconds: number;
    /** The hints of `provider_hints.kubernetes` that callers may use. */
    hintPolicy: HintPolicy;
    /** Whether callers may read logs of containers. */
    logs: boolean;
  };
  nats: NatsServers;
  /** JetStream bucket that remembers which containers were reported; absent: none does. */
  keyValueBucket?: string;
  monitor: {
    debounceMs: number;
    resyncPeriodMs: number;
    /** By what the status of a container is told; the wait for an address may be 0. */
    status: { crashTolerance: number; addressWaitMs: number };
  };
  /** Where probes and metrics are served; absent: nowhere. */
  management?: ListenAddress;
  server: ListenAddress & {
    /** Between failing readiness and closing the listener; 0: at once. */
    drainDelayMs: number;
    shutdownMs: number;
    readMs: number;
    writeMs: number;
    idleMs: number;
    requestMs: number;
    /** Paths of PEM files; absent: plain HTTP. */
    tls?: { certFile: string; keyFile: string; clientCaFile?: string };
  };
  /** The form of problem documents. */
  problemTypes: 'names' | 'uris';
  /** The tokens that callers must have; absent: none. */
  tokens?: { issuer: string; audience: string; jwksUrl?: string; scope?: string };
}

export interface ConfigProblem {
  variable: string;
  /** What is wrong and what is allowed, as a sentence without its subject; never holds a credential. */
  detail: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ variable, detail }) => `${variable} ${detail}`).join('\n'));
    this.problems = problems;
  }
}

interface Kind<T> {
  /** Completes "must be …". */
  allowed: string;
  /** Undefined: the value is not allowed. May throw a NatsUrlError to say more. */
  parse: (value: string) => T | undefined;
  /** The value may hold credentials, and is not repeated in a problem. */
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

const providerNames: Kind<string[]> = {
  allowed: 'a comma-separated list of names made of letters, digits, ".", "_" and "-"',
  parse(value) {
    const names = value.split(',').map((name) => providerName.parse(name.trim()));
    return names.every((name) => name !== undefined) ? names : undefined;
  },
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

const bucketName: Kind<string> = {
  allowed: 'the name of a JetStream bucket: 1 to 200 letters, digits, "_" and "-"',
  parse: (value) => (/^[-\w]{1,200}$/.test(value) ? value : undefined),
};

const listenAddress: Kind<ListenAddress> = {
  allowed: 'host:port, :port or [IPv6]:port, with a port from 0 to 65535',
  parse: parseListenAddress,
};

const host: Kind<string> = {
  allowed: 'a host name or an IP address, without scheme, port and brackets, such as node.example or 2001:db8::7',
  parse: parseHost,
};

const duration: Kind<number> = {
  allowed: 'a duration above 0 and up to 596h, such as 500ms, 15s or 1m30s',
  parse(value) {
    const ms = parseDuration(value);
    return ms !== undefined && ms > 0 && ms <= maxTimerMs ? ms : undefined;
  },
};

const durationOrNone: Kind<number> = {
  allowed: 'a duration up to 596h, such as 500ms, 5s or 1m, or 0s for none',
  parse: (value) => (parseDuration(value) === 0 ? 0 : duration.parse(value)),
};

/** What is below a second is rounded up: Kubernetes counts whole ones. */
const wholeSeconds: Kind<number> = {
  allowed: 'a duration from 1s up to 596h, such as 90s or 10m',
  parse(value) {
    const ms = duration.parse(value);
    return ms !== undefined && ms >= 1_000 ? Math.ceil(ms / 1_000) : undefined;
  },
};

/** The registry is not to be asked in a loop. */
const refreshPeriod: Kind<number> = {
  allowed: 'a duration from 1s to 596h, such as 15s, 1m30s or 10m, or 0 for never',
  parse(value) {
    const ms = durationOrNone.parse(value);
    return ms === undefined || (ms > 0 && ms < 1_000) ? undefined : ms;
  },
};

const endpointUrl: Kind<string> = {
  allowed: 'an http or https URL without user, password and fragment, such as https://host/realms/dcm/token',
  parse: (value) =>
    parseBaseUrl(value.replace(/\?.*$/s, '')) === undefined || /[\s#]/.test(value) ? undefined : value,
  confidential: true,
};

/** A token as it can stand in a header, RFC 6750, section 2.1. */
const bearerToken: Kind<string> = {
  allowed: 'a token of letters, digits and "-._~+/", with "=" at its end alone',
  parse: (value) => (/^[A-Za-z0-9._~+/-]+=*$/.test(value) ? value : undefined),
  confidential: true,
};

/** RFC 6749, appendix A. */
const clientText: Kind<string> = {
  allowed: 'printable ASCII text',
  parse: (value) => (/^[\x20-\x7e]+$/.test(value) ? value : undefined),
  confidential: true,
};

const milliseconds: Kind<number> = {
  allowed: `a whole number of milliseconds from 0 to ${maxTimerMs}`,
  parse: (value) => (/^\d{1,10}$/.test(value) && Number(value) <= maxTimerMs ? Number(value) : undefined),
};

const restarts: Kind<number> = {
  allowed: `a whole number of restarts from 0 to ${maxTimerMs}`,
  parse: milliseconds.parse,
};

const hints: Kind<ReadonlySet<HintName>> = {
  allowed: `none, or a comma-separated list of ${hintNames.join(', ')}`,
  parse: parseHintNames,
};

const secretNames: Kind<ReadonlySet<string>> = {
  allowed: 'a comma-separated list of names of Secrets',
  parse: parseObjectNames,
};

const annotationKeys: Kind<ReadonlySet<string>> = {
  allowed: 'a comma-separated list of keys of annotations, or prefix/* for all keys under a prefix',
  parse: parseAnnotationKeys,
};

const claimNames: Kind<ReadonlySet<string>> = {
  allowed: 'a comma-separated list of names of claims, or prefix* for all names that begin so',
  parse: parseClaimNames,
};

const flag: Kind<boolean> = {
  allowed: 'true or false',
  parse: (value) => (value === 'true' || value === 'false' ? value === 'true' : undefined),
};

const objectName: Kind<string> = {
  allowed: 'a name that Kubernetes takes: lower-case letters, digits, "-" and ".", first and last a letter or digit',
  parse: (value) => (isObjectName(value) ? value : undefined),
};

/** Kept as it is written: a token's `iss` is compared letter by letter, trailing slash included. */
const issuerUrl: Kind<string> = {
  allowed: 'an https URL (http on a loopback address) without user, password, query and fragment',
  parse: (value) => (parseBaseUrl(value) !== undefined && isTrustworthyUrl(value) ? value : undefined),
  confidential: true,
};

const keysUrl: Kind<string> = {
  allowed: 'an https URL (http on a loopback address) without user, password and fragment',
  parse(value) {
    const base = parseBaseUrl(value.replace(/\?[^#]*$/, ''));
    return base !== undefined && isTrustworthyUrl(value) ? value : undefined;
  },
  confidential: true,
};

/** RFC 6749, section 3.3. */
const scopeToken: Kind<string> = {
  allowed: 'one scope: printable ASCII characters without spaces, " and \\',
  parse: (value) => (/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value) ? value : undefined),
};

function oneOf<const T extends string>(...values: T[]): Kind<T> {
  return { allowed: `one of ${values.join(', ')}`, parse: (value) => values.find((allowed) => allowed === value) };
}

/**
 * @param env - a variable that is empty counts as absent
 * @throws ConfigError with all problems there are
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: ConfigProblem[] = [];

  function optional<T>(variable: string, kind: Kind<T>): T | undefined {
    const value = env[variable];
    if (value === undefined || value === '') return undefined;
    try {
      const parsed = kind.parse(value);
      if (parsed === undefined) problems.push({ variable, detail: describeBadValue(value, kind) });
      return parsed;
    } catch (error) {
      if (!(error instanceof NatsUrlError)) throw error;
      problems.push(...error.problems.map((detail) => ({ variable, detail })));
      return undefined;
    }
  }

  /** What it returns after a problem is never seen: the problems are thrown before the configuration is returned. */
  function required<T>(variable: string, kind: Kind<T>): T {
    if ((env[variable] ?? '') === '') problems.push({ variable, detail: `is required: it must be ${kind.allowed}` });
    return optional(variable, kind) as T;
  }

  /** A token, or all that it takes to get one, but not both. */
  function registryAuthentication(): RegistryConfig['authentication'] {
    const token = optional('DCM_AUTH_TOKEN', bearerToken);
    const allowsHttp = optional('DCM_AUTH_ALLOW_HTTP', flag) ?? false;
    const credentials = ['DCM_AUTH_TOKEN_ENDPOINT', 'DCM_AUTH_CLIENT_ID', 'DCM_AUTH_CLIENT_SECRET'];
    const given = credentials.filter(isSet);
    if (given.length === 0) return token === undefined ? undefined : { token };
    if (isSet('DCM_AUTH_TOKEN')) {
      problems.push({ variable: 'DCM_AUTH_TOKEN', detail: `must not be set together with ${given.join(', ')}` });
    }
    requireTogether(credentials);
    const tokenEndpoint = optional('DCM_AUTH_TOKEN_ENDPOINT', endpointUrl);
    if (tokenEndpoint !== undefined && !allowsHttp && !isTrustworthyUrl(tokenEndpoint)) {
      const detail = 'would have the client secret sent over plain http: it must be https, or on a loopback address';
      const variable = 'DCM_AUTH_TOKEN_ENDPOINT';
      problems.push({ variable, detail: `${detail}, unless DCM_AUTH_ALLOW_HTTP is true` });
    }
    return {
      tokenEndpoint: tokenEndpoint!,
      clientId: optional('DCM_AUTH_CLIENT_ID', clientText)!,
      clientSecret: optional('DCM_AUTH_CLIENT_SECRET', clientText)!,
    };
  }

  function isSet(variable: string): boolean {
    return (env[variable] ?? '') !== '';
  }

  /** Reports those of the variables that are missing where some of them, or of those that need them, are set. */
  function requireTogether(variables: readonly string[], dependent: readonly string[] = []): boolean {
    const given = [...variables, ...dependent].filter(isSet);
    if (given.length === 0) return false;
    for (const variable of variables.filter((name) => !isSet(name))) {
      problems.push({ variable, detail: `is required together with ${given.join(', ')}` });
    }
    return true;
  }

  function tlsFiles(): Config['server']['tls'] {
    if (!requireTogether(['SP_SERVER_TLS_CERT', 'SP_SERVER_TLS_KEY'], ['SP_SERVER_TLS_CLIENT_CA'])) return undefined;
    return {
      certFile: optional('SP_SERVER_TLS_CERT', text)!,
      keyFile: optional('SP_SERVER_TLS_KEY', text)!,
      ...present('clientCaFile', optional('SP_SERVER_TLS_CLIENT_CA', text)),
    };
  }

  function tokenRules(): Config['tokens'] {
    const dependent = ['SP_AUTH_JWKS_URL', 'SP_AUTH_SCOPE'];
    if (!requireTogether(['SP_AUTH_ISSUER', 'SP_AUTH_AUDIENCE'], dependent)) return undefined;
    return {
      issuer: optional('SP_AUTH_ISSUER', issuerUrl)!,
      audience: optional('SP_AUTH_AUDIENCE', text)!,
      ...present('jwksUrl', optional('SP_AUTH_JWKS_URL', keysUrl)),
      ...present('scope', optional('SP_AUTH_SCOPE', scopeToken)),
    };
  }

  const provider = {
    name: required('SP_NAME', providerName),
    endpoint: required('SP_ENDPOINT', baseUrl),
    ...present('displayName', optional('SP_DISPLAY_NAME', text)),
    ...present('region', optional('SP_REGION', text)),
    ...present('zone', optional('SP_ZONE', text)),
  };
  const formerNames = optional('SP_FORMER_NAMES', providerNames) ?? [];
  const registry = {
    url: required('DCM_REGISTRATION_URL', baseUrl),
    refreshMs: optional('SP_REGISTRATION_REFRESH', refreshPeriod) ?? 60_000,
    ...present('authentication', registryAuthentication()),
  };
  const leaseName = optional('SP_LEASE_NAME', objectName) ?? defaultLeaseName(provider.name);
  const leaderElection = optional('SP_LEADER_ELECTION', flag) === true ? { leaseName } : undefined;
  const kubernetes = {
    namespace: optional('SP_K8S_NAMESPACE', namespace) ?? 'default',
    ...present('kubeconfig', optional('SP_K8S_KUBECONFIG', text)),
    externalServiceType: required('SP_K8S_EXTERNAL_SVC_TYPE', oneOf('LoadBalancer', 'NodePort')),
    ...present('externalAddress', optional('SP_K8S_EXTERNAL_ADDRESS', host)),
    isolateInternalPorts: optional('SP_K8S_ISOLATE_INTERNAL_PORTS', flag) ?? false,
    progressDeadlineSeconds: optional('SP_K8S_PROGRESS_DEADLINE', wholeSeconds) ?? 600,
    hintPolicy: {
      hints: optional('SP_K8S_ALLOWED_HINTS', hints) ?? defaultHintPolicy.hints,
      pullSecrets: optional('SP_K8S_ALLOWED_PULL_SECRETS', secretNames) ?? defaultHintPolicy.pullSecrets,
      serviceAnnotations:
        optional('SP_K8S_ALLOWED_SERVICE_ANNOTATIONS', annotationKeys) ?? defaultHintPolicy.serviceAnnotations,
      claims: optional('SP_K8S_ALLOWED_CLAIMS', claimNames) ?? defaultHintPolicy.claims,
    },
    logs: optional('SP_LOGS', flag) ?? false,
  };
  const nats = required('SP_NATS_URL', natsUrls);
  const keyValueBucket = optional('SP_NATS_KV_BUCKET', bucketName);
  const monitor = {
    debounceMs: optional('SP_MONITOR_DEBOUNCE_MS', milliseconds) ?? 500,
    resyncPeriodMs: optional('SP_MONITOR_RESYNC_PERIOD', duration) ?? 10 * 60_000,
    status: {
      crashTolerance: optional('SP_MONITOR_CRASH_TOLERANCE', restarts) ?? defaultCrashTolerance,
      addressWaitMs: optional('SP_MONITOR_ADDRESS_WAIT', durationOrNone) ?? defaultAddressWaitMs,
    },
  };
  const server = {
    ...(optional('SP_SERVER_ADDRESS', listenAddress) ?? { host: '', port: 8080 }),
    drainDelayMs: optional('SP_SERVER_DRAIN_DELAY', durationOrNone) ?? 0,
    shutdownMs: optional('SP_SERVER_SHUTDOWN_TIMEOUT', duration) ?? 15_000,
    readMs: optional('SP_SERVER_READ_TIMEOUT', duration) ?? 15_000,
    writeMs: optional('SP_SERVER_WRITE_TIMEOUT', duration) ?? 15_000,
    idleMs: optional('SP_SERVER_IDLE_TIMEOUT', duration) ?? 60_000,
    requestMs: optional('SP_SERVER_REQUEST_TIMEOUT', duration) ?? 30_000,
    ...present('tls', tlsFiles()),
  };
  const management = present('management', optional('SP_MANAGEMENT_ADDRESS', listenAddress));
  const problemTypes = optional('SP_PROBLEM_TYPES', oneOf('names', 'uris')) ?? 'names';
  const tokens = tokenRules();
  const logLevel = optional('SP_LOG_LEVEL', oneOf('error', 'warn', 'info', 'debug')) ?? 'info';
  const logHealth = optional('SP_LOG_HEALTH', flag) ?? true;

  if (problems.length > 0) throw new ConfigError(problems);
  return {
    logLevel,
    logHealth,
    provider,
    formerNames,
    registry,
    ...present('leaderElection', leaderElection),
    kubernetes,
    nats,
    ...present('keyValueBucket', keyValueBucket),
    monitor,
    ...management,
    server,
    problemTypes,
    ...present('tokens', tokens),
  };
}

function describeBadValue(value: string, { allowed, confidential = false }: Kind<unknown>): string {
  const shown = confidential ? 'has a value that is not allowed' : `is ${JSON.stringify(value.slice(0, 80))}`;
  return `${shown}: it must be ${allowed}`;
}

/** Checked by hand first, since `URL` corrects what is not a URL: it trims, and takes `http:host` and `http:\\host`. */
function parseBaseUrl(value: string): string | undefined {
  if (!/^https?:\/\/[^/\\\s\p{Cc}@?#][^\\\s\p{Cc}?#]*$/iu.test(value) || !URL.canParse(value)) return undefined;
  const { username, password } = new URL(value);
  return username === '' && password === '' ? value.replace(/\/+$/, '') : undefined;
}

/** One property, or none where the value is undefined: optional properties are absent rather than undefined. */
function present<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, T>>);
}
