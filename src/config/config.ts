/** The environment as configuration: read once, checked whole, all that is wrong named at once. */
import { createHash } from 'node:crypto';
import { defaultHintPolicy } from '../containers/hints.ts';
import type { HintPolicy } from '../containers/hints.ts';
import { withoutUndefined } from '../containers/json.ts';
import { defaultAddressWaitMs, defaultCrashTolerance } from '../containers/status.ts';
import { isTrustworthyUrl } from '../http-client.ts';
import type { ListenAddress } from './address.ts';
import * as kinds from './kinds.ts';
import type { Kind } from './kinds.ts';
import { NatsUrlError, parseNatsUrls } from './nats-urls.ts';
import type { NatsServers } from './nats-urls.ts';

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

const natsUrls: Kind<NatsServers> = {
  allowed: 'a NATS URL or a comma-separated list of them, such as nats://host:4222',
  parse: parseNatsUrls,
  confidential: true,
};

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
    const token = optional('DCM_AUTH_TOKEN', kinds.bearerToken);
    const allowsHttp = optional('DCM_AUTH_ALLOW_HTTP', kinds.flag) ?? false;
    const credentials = ['DCM_AUTH_TOKEN_ENDPOINT', 'DCM_AUTH_CLIENT_ID', 'DCM_AUTH_CLIENT_SECRET'];
    const given = credentials.filter(isSet);
    if (given.length === 0) return token === undefined ? undefined : { token };
    if (isSet('DCM_AUTH_TOKEN')) {
      problems.push({ variable: 'DCM_AUTH_TOKEN', detail: `must not be set together with ${given.join(', ')}` });
    }
    requireTogether(credentials);
    const tokenEndpoint = optional('DCM_AUTH_TOKEN_ENDPOINT', kinds.endpointUrl);
    if (tokenEndpoint !== undefined && !allowsHttp && !isTrustworthyUrl(tokenEndpoint)) {
      const detail = 'would have the client secret sent over plain http: it must be https, or on a loopback address';
      const variable = 'DCM_AUTH_TOKEN_ENDPOINT';
      problems.push({ variable, detail: `${detail}, unless DCM_AUTH_ALLOW_HTTP is true` });
    }
    return {
      tokenEndpoint: tokenEndpoint!,
      clientId: optional('DCM_AUTH_CLIENT_ID', kinds.clientText)!,
      clientSecret: optional('DCM_AUTH_CLIENT_SECRET', kinds.clientText)!,
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
    return withoutUndefined({
      certFile: optional('SP_SERVER_TLS_CERT', kinds.text)!,
      keyFile: optional('SP_SERVER_TLS_KEY', kinds.text)!,
      clientCaFile: optional('SP_SERVER_TLS_CLIENT_CA', kinds.text),
    });
  }

  function tokenRules(): Config['tokens'] {
    const dependent = ['SP_AUTH_JWKS_URL', 'SP_AUTH_SCOPE'];
    if (!requireTogether(['SP_AUTH_ISSUER', 'SP_AUTH_AUDIENCE'], dependent)) return undefined;
    return withoutUndefined({
      issuer: optional('SP_AUTH_ISSUER', kinds.issuerUrl)!,
      audience: optional('SP_AUTH_AUDIENCE', kinds.text)!,
      jwksUrl: optional('SP_AUTH_JWKS_URL', kinds.keysUrl),
      scope: optional('SP_AUTH_SCOPE', kinds.scopeToken),
    });
  }

  const provider = withoutUndefined({
    name: required('SP_NAME', kinds.providerName),
    endpoint: required('SP_ENDPOINT', kinds.baseUrl),
    displayName: optional('SP_DISPLAY_NAME', kinds.text),
    region: optional('SP_REGION', kinds.text),
    zone: optional('SP_ZONE', kinds.text),
  });
  const leaseName = optional('SP_LEASE_NAME', kinds.objectName) ?? defaultLeaseName(provider.name);
  const config: Config = withoutUndefined({
    logLevel: optional('SP_LOG_LEVEL', kinds.oneOf('error', 'warn', 'info', 'debug')) ?? 'info',
    logHealth: optional('SP_LOG_HEALTH', kinds.flag) ?? true,
    provider,
    formerNames: [...(optional('SP_FORMER_NAMES', kinds.providerNames) ?? [])],
    registry: withoutUndefined({
      url: required('DCM_REGISTRATION_URL', kinds.baseUrl),
      refreshMs: optional('SP_REGISTRATION_REFRESH', kinds.refreshPeriod) ?? 60_000,
      authentication: registryAuthentication(),
    }),
    leaderElection: optional('SP_LEADER_ELECTION', kinds.flag) === true ? { leaseName } : undefined,
    kubernetes: withoutUndefined({
      namespace: optional('SP_K8S_NAMESPACE', kinds.namespace) ?? 'default',
      kubeconfig: optional('SP_K8S_KUBECONFIG', kinds.text),
      externalServiceType: required('SP_K8S_EXTERNAL_SVC_TYPE', kinds.oneOf('LoadBalancer', 'NodePort')),
      externalAddress: optional('SP_K8S_EXTERNAL_ADDRESS', kinds.host),
      isolateInternalPorts: optional('SP_K8S_ISOLATE_INTERNAL_PORTS', kinds.flag) ?? false,
      progressDeadlineSeconds: optional('SP_K8S_PROGRESS_DEADLINE', kinds.wholeSeconds) ?? 600,
      hintPolicy: {
        ...defaultHintPolicy,
        ...withoutUndefined({
          hints: optional('SP_K8S_ALLOWED_HINTS', kinds.hints),
          pullSecrets: optional('SP_K8S_ALLOWED_PULL_SECRETS', kinds.secretNames),
          serviceAnnotations: optional('SP_K8S_ALLOWED_SERVICE_ANNOTATIONS', kinds.annotationKeys),
          claims: optional('SP_K8S_ALLOWED_CLAIMS', kinds.claimNames),
        }),
      },
      logs: optional('SP_LOGS', kinds.flag) ?? false,
    }),
    nats: required('SP_NATS_URL', natsUrls),
    keyValueBucket: optional('SP_NATS_KV_BUCKET', kinds.bucketName),
    monitor: {
      debounceMs: optional('SP_MONITOR_DEBOUNCE_MS', kinds.milliseconds) ?? 500,
      resyncPeriodMs: optional('SP_MONITOR_RESYNC_PERIOD', kinds.duration) ?? 10 * 60_000,
      status: {
        crashTolerance: optional('SP_MONITOR_CRASH_TOLERANCE', kinds.restarts) ?? defaultCrashTolerance,
        addressWaitMs: optional('SP_MONITOR_ADDRESS_WAIT', kinds.durationOrNone) ?? defaultAddressWaitMs,
      },
    },
    management: optional('SP_MANAGEMENT_ADDRESS', kinds.listenAddress),
    server: withoutUndefined({
      ...(optional('SP_SERVER_ADDRESS', kinds.listenAddress) ?? { host: '', port: 8080 }),
      drainDelayMs: optional('SP_SERVER_DRAIN_DELAY', kinds.durationOrNone) ?? 0,
      shutdownMs: optional('SP_SERVER_SHUTDOWN_TIMEOUT', kinds.duration) ?? 15_000,
      readMs: optional('SP_SERVER_READ_TIMEOUT', kinds.duration) ?? 15_000,
      writeMs: optional('SP_SERVER_WRITE_TIMEOUT', kinds.duration) ?? 15_000,
      idleMs: optional('SP_SERVER_IDLE_TIMEOUT', kinds.duration) ?? 60_000,
      requestMs: optional('SP_SERVER_REQUEST_TIMEOUT', kinds.duration) ?? 30_000,
      tls: tlsFiles(),
    }),
    problemTypes: optional('SP_PROBLEM_TYPES', kinds.oneOf('names', 'uris')) ?? 'names',
    tokens: tokenRules(),
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function describeBadValue(value: string, { allowed, confidential = false }: Kind<unknown>): string {
  const shown = confidential ? 'has a value that is not allowed' : `is ${JSON.stringify(value.slice(0, 80))}`;
  return `${shown}: it must be ${allowed}`;
}

const maxNameLength = 253;
const hashLength = 10;

/**
 * `dcm-provider-` and the provider's name, the same for all replicas. A name that Kubernetes would not take is altered and has
 * a hash at its end, so that two providers don't come to share a Lease.
 */
export function defaultLeaseName(name: string): string {
  const wanted = `dcm-provider-${name}`;
  if (kinds.objectName.parse(wanted) !== undefined) return wanted;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, hashLength);
  const altered = wanted
    .toLowerCase()
    .replaceAll(/[^-a-z0-9.]/g, '-')
    .replaceAll(/(?<![a-z0-9])\.|\.(?![a-z0-9])/g, '-');
  return `${altered.slice(0, maxNameLength - hashLength - 1).replace(/\.$/, '-')}-${hash}`;
}
