import fc from 'fast-check';
import t from 'tap';

import { defaultHintPolicy } from '../../src/containers/hints.ts';
import { ConfigError, defaultLeaseName, readConfig } from '../../src/config/config.ts';
import { requiredVariables as required } from '../support/environment.ts';

/** The problems of the environment, one line each; empty: there are none. */
function problems(env: Record<string, string | undefined>): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n');
  }
}

t.test('needs no more than the required variables', (t) => {
  t.strictSame(readConfig(required), {
    logLevel: 'info',
    logHealth: true,
    provider: { name: 'provider-1', endpoint: 'http://provider:8080' },
    formerNames: [],
    registry: { url: 'http://registry:8080/api/v1alpha1', refreshMs: 60_000 },
    kubernetes: {
      namespace: 'default',
      externalServiceType: 'LoadBalancer',
      isolateInternalPorts: false,
      progressDeadlineSeconds: 600,
      hintPolicy: defaultHintPolicy,
      logs: false,
    },
    nats: { servers: ['nats:4222'] },
    monitor: { debounceMs: 500, resyncPeriodMs: 600_000, status: { crashTolerance: 1, addressWaitMs: 90_000 } },
    server: {
      host: '',
      port: 8080,
      shutdownMs: 15_000,
      readMs: 15_000,
      writeMs: 15_000,
      drainDelayMs: 0,
      idleMs: 60_000,
      requestMs: 30_000,
    },
    problemTypes: 'names',
  });
  t.end();
});

const complete = {
  ...required,
  SP_DISPLAY_NAME: 'Containers on Kubernetes',
  SP_REGION: 'eu',
  SP_ZONE: 'eu-1',
  SP_REGISTRATION_REFRESH: '1h',
  SP_FORMER_NAMES: 'provider-0, Provider_0.1',
  SP_LEADER_ELECTION: 'true',
  SP_LEASE_NAME: 'provider.lease-1',
  DCM_AUTH_TOKEN_ENDPOINT: 'https://sso/token?a=b',
  DCM_AUTH_CLIENT_ID: 'provider',
  DCM_AUTH_CLIENT_SECRET: 'p@ss word',
  SP_K8S_NAMESPACE: 'containers',
  SP_K8S_KUBECONFIG: '/etc/kubeconfig',
  SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort',
  SP_K8S_EXTERNAL_ADDRESS: 'nodes.example.org',
  SP_K8S_ISOLATE_INTERNAL_PORTS: 'true',
  SP_NATS_URL: 'nats://a:1,nats://b:2',
  SP_NATS_KV_BUCKET: 'dcm_reported-1',
  SP_MONITOR_DEBOUNCE_MS: '250',
  SP_MONITOR_CRASH_TOLERANCE: '3',
  SP_MONITOR_ADDRESS_WAIT: '0',
  SP_K8S_PROGRESS_DEADLINE: '90.5s',
  SP_MONITOR_RESYNC_PERIOD: '1m30s',
  SP_SERVER_ADDRESS: '[::1]:9090',
  SP_MANAGEMENT_ADDRESS: '127.0.0.1:9091',
  SP_SERVER_DRAIN_DELAY: '6s',
  SP_SERVER_SHUTDOWN_TIMEOUT: '1s',
  SP_SERVER_READ_TIMEOUT: '2s',
  SP_SERVER_WRITE_TIMEOUT: '3s',
  SP_SERVER_IDLE_TIMEOUT: '4s',
  SP_SERVER_REQUEST_TIMEOUT: '500ms',
  SP_SERVER_TLS_CERT: '/tls/tls.crt',
  SP_SERVER_TLS_KEY: '/tls/tls.key',
  SP_SERVER_TLS_CLIENT_CA: '/tls/ca.crt',
  SP_AUTH_ISSUER: 'https://sso/realms/dcm/',
  SP_AUTH_AUDIENCE: 'containers',
  SP_AUTH_JWKS_URL: 'https://sso/keys?a=b',
  SP_AUTH_SCOPE: 'containers:write',
  SP_PROBLEM_TYPES: 'uris',
  SP_LOGS: 'true',
  SP_LOG_LEVEL: 'debug',
  SP_LOG_HEALTH: 'false',
};

t.test('reads every variable', (t) => {
  t.strictSame(readConfig(complete), {
    logLevel: 'debug',
    logHealth: false,
    provider: {
      name: 'provider-1',
      endpoint: 'http://provider:8080',
      displayName: 'Containers on Kubernetes',
      region: 'eu',
      zone: 'eu-1',
    },
    formerNames: ['provider-0', 'Provider_0.1'],
    registry: {
      url: 'http://registry:8080/api/v1alpha1',
      refreshMs: 3_600_000,
      authentication: { tokenEndpoint: 'https://sso/token?a=b', clientId: 'provider', clientSecret: 'p@ss word' },
    },
    leaderElection: { leaseName: 'provider.lease-1' },
    kubernetes: {
      namespace: 'containers',
      kubeconfig: '/etc/kubeconfig',
      externalServiceType: 'NodePort',
      externalAddress: 'nodes.example.org',
      isolateInternalPorts: true,
      progressDeadlineSeconds: 91,
      hintPolicy: defaultHintPolicy,
      logs: true,
    },
    nats: { servers: ['a:1', 'b:2'] },
    keyValueBucket: 'dcm_reported-1',
    monitor: { debounceMs: 250, resyncPeriodMs: 90_000, status: { crashTolerance: 3, addressWaitMs: 0 } },
    management: { host: '127.0.0.1', port: 9091 },
    server: {
      host: '::1',
      port: 9090,
      shutdownMs: 1_000,
      readMs: 2_000,
      writeMs: 3_000,
      drainDelayMs: 6_000,
      idleMs: 4_000,
      requestMs: 500,
      tls: { certFile: '/tls/tls.crt', keyFile: '/tls/tls.key', clientCaFile: '/tls/ca.crt' },
    },
    problemTypes: 'uris',
    tokens: {
      issuer: 'https://sso/realms/dcm/',
      audience: 'containers',
      jwksUrl: 'https://sso/keys?a=b',
      scope: 'containers:write',
    },
  });
  t.end();
});

t.test('takes an empty optional variable for its default', (t) => {
  const empty = Object.fromEntries(Object.keys(complete).map((variable) => [variable, '']));
  t.strictSame(readConfig({ ...empty, ...required }), readConfig(required));
  t.end();
});

t.test('names every required variable that is missing or empty, in one go', (t) => {
  const expected = [
    'SP_NAME is required: it must be made of letters, digits, ".", "_" and "-"',
    'SP_ENDPOINT is required: it must be an http or https URL without user, password, query and fragment, such as http://host:8080/path',
    'DCM_REGISTRATION_URL is required: it must be an http or https URL without user, password, query and fragment, such as http://host:8080/path',
    'SP_K8S_EXTERNAL_SVC_TYPE is required: it must be one of LoadBalancer, NodePort',
    'SP_NATS_URL is required: it must be a NATS URL or a comma-separated list of them, such as nats://host:4222',
  ];
  t.strictSame(problems({}), expected);
  t.strictSame(problems(Object.fromEntries(Object.keys(required).map((variable) => [variable, '']))), expected);
  t.end();
});

t.test('names every variable with a bad value, beside those that are missing', (t) => {
  const lines = problems({
    ...Object.fromEntries(Object.keys(complete).map((variable) => [variable, '\u0000'])),
    SP_NAME: undefined,
  });
  t.strictSame(lines.map((line) => line.split(' ')[0]).toSorted(), Object.keys(complete).toSorted());
  t.end();
});

t.test('says what a value is and what is allowed', (t) => {
  t.strictSame(problems({ ...required, SP_SERVER_READ_TIMEOUT: '15' }), [
    'SP_SERVER_READ_TIMEOUT is "15": it must be a duration above 0 and up to 596h, such as 500ms, 15s or 1m30s',
  ]);
  t.end();
});

const bad: Record<string, string[]> = {
  SP_NAME: ['a b', 'a/b', 'ä', ' a'],
  SP_FORMER_NAMES: ['a b', 'a,', ',', 'a;b'],
  SP_ENDPOINT: [
    'provider:8080',
    'ftp://host',
    'http:host',
    'http://',
    'http:///path',
    'http://a b',
    ' http://host',
    'http://host\n',
    'http://host?x=1',
    'http://host#x',
    'http://u:p@host',
    'http://@host',
    'http://host:99999',
    'http://h\\path',
    'http://[::1',
  ],
  DCM_REGISTRATION_URL: ['registry', 'http://u@host', 'http://host/?'],
  SP_DISPLAY_NAME: ['a\nb'],
  SP_K8S_NAMESPACE: ['A', '-a', 'a-', 'a.b', 'a_b', 'a'.repeat(64)],
  SP_K8S_EXTERNAL_SVC_TYPE: ['ClusterIP', 'nodeport', 'LoadBalancer '],
  SP_K8S_EXTERNAL_ADDRESS: ['http://host', 'host:30000', '[::1]', 'a b', '10.0.0.256', '0.0.0.0', 'a/b', 'ä.example'],
  SP_K8S_ISOLATE_INTERNAL_PORTS: ['yes', '1', 'True', ' true'],
  SP_LOGS: ['yes', '1'],
  SP_NATS_URL: ['nats', 'http://nats:4222', 'nats://a:1,'],
  SP_NATS_KV_BUCKET: ['a.b', 'a b', '*', 'a'.repeat(201)],
  SP_MONITOR_ADDRESS_WAIT: ['-1s', '90', '600h'],
  SP_K8S_PROGRESS_DEADLINE: ['0', '999ms', '10', '600h'],
  SP_MONITOR_CRASH_TOLERANCE: ['-1', '1.5', 'many', '1e3', '2147483648'],
  SP_MONITOR_DEBOUNCE_MS: ['-1', '1.5', '500ms', '1e3', '0x10', '2147483648', ' 1', '+1'],
  SP_MONITOR_RESYNC_PERIOD: ['0', '0s', '-1m', '10', '597h', '2147483648ms', 'x'],
  SP_SERVER_ADDRESS: ['8080', ':99999', 'host'],
  SP_MANAGEMENT_ADDRESS: ['8081', 'http://host:8081'],
  SP_SERVER_DRAIN_DELAY: ['5', '-1s', '1000h'],
  SP_SERVER_SHUTDOWN_TIMEOUT: ['0s', 'soon'],
  SP_SERVER_READ_TIMEOUT: ['0', '15'],
  SP_SERVER_WRITE_TIMEOUT: ['0ms', '15 s'],
  SP_SERVER_IDLE_TIMEOUT: ['-60s', '1d'],
  SP_SERVER_REQUEST_TIMEOUT: ['9999999h', 's'],
  SP_LEADER_ELECTION: ['yes', '1', 'TRUE', 'true '],
  SP_LEASE_NAME: ['A', 'a_b', '-a', 'a-', 'a..b', '.a', 'a.', 'a.-b', 'a'.repeat(254)],
  SP_REGISTRATION_REFRESH: ['-1m', '10', '597h', 'never', '1ms', '999ms', '1ns'],
  DCM_AUTH_TOKEN: ['Bearer abc', 'a b', 'a=b', 'ä', '\n'],
  SP_PROBLEM_TYPES: ['URIs', 'uri', 'name'],
  SP_LOG_LEVEL: ['INFO', 'trace', 'silent'],
  SP_LOG_HEALTH: ['no', '0'],
};

for (const [variable, values] of Object.entries(bad)) {
  t.test(`refuses bad values of ${variable}`, (t) => {
    for (const value of values) {
      const lines = problems({ ...required, [variable]: value });
      t.ok(lines.length > 0 && lines.every((line) => line.startsWith(`${variable} `)), JSON.stringify(value));
    }
    t.end();
  });
}

const good: Record<string, string[]> = {
  SP_NAME: ['a', 'K8s_provider-1.0', '-'],
  SP_FORMER_NAMES: ['a', 'a,b', 'a , K8s_provider-1.0'],
  SP_ENDPOINT: ['https://host', 'HTTP://host', 'http://[::1]:8080', 'http://10.0.0.1/gateway/a%20b'],
  SP_K8S_NAMESPACE: ['a', '1', 'a--b', 'a'.repeat(63)],
  SP_K8S_EXTERNAL_ADDRESS: ['10.0.0.1', '2001:db8::7', 'localhost', 'Node-1.example.org'],
  SP_MONITOR_ADDRESS_WAIT: ['0', '0s', '500ms', '5m'],
  SP_K8S_PROGRESS_DEADLINE: ['1s', '1500ms', '1h'],
  SP_MONITOR_CRASH_TOLERANCE: ['0', '1', '30'],
  SP_MONITOR_DEBOUNCE_MS: ['0', '1', '2147483647', '007'],
  SP_MONITOR_RESYNC_PERIOD: ['1ns', '2147483647ms', '596h'],
  SP_K8S_ISOLATE_INTERNAL_PORTS: ['true', 'false'],
  SP_LOGS: ['true', 'false'],
  SP_LEADER_ELECTION: ['true', 'false'],
  SP_LOG_HEALTH: ['true', 'false'],
  SP_LEASE_NAME: ['a', '1', 'a.b-c.d', 'a'.repeat(253)],
  SP_REGISTRATION_REFRESH: ['0', '0s', '1s', '1000ms', '596h'],
  DCM_AUTH_TOKEN: ['abc', 'eyJhbGciOiJub25lIn0.e30.', 'a-._~+/=='],
};

for (const [variable, values] of Object.entries(good)) {
  t.test(`takes good values of ${variable}`, (t) => {
    for (const value of values) t.strictSame(problems({ ...required, [variable]: value }), [], value);
    t.end();
  });
}

t.test('elects no leader unless it is told to', (t) => {
  t.equal(readConfig({ ...required, SP_LEASE_NAME: 'a' }).leaderElection, undefined);
  t.equal(readConfig({ ...required, SP_LEADER_ELECTION: 'false' }).leaderElection, undefined);
  t.strictSame(readConfig({ ...required, SP_LEADER_ELECTION: 'true' }).leaderElection, {
    leaseName: 'dcm-provider-provider-1',
  });
  t.end();
});

t.test('takes trailing slashes off URLs', (t) => {
  const { provider, registry } = readConfig({
    ...required,
    SP_ENDPOINT: 'http://provider:8080//',
    DCM_REGISTRATION_URL: 'http://registry/api/v1alpha1/',
  });
  t.equal(provider.endpoint, 'http://provider:8080');
  t.equal(registry.url, 'http://registry/api/v1alpha1');
  t.end();
});

const credentials = {
  DCM_AUTH_TOKEN_ENDPOINT: 'https://sso/token',
  DCM_AUTH_CLIENT_ID: 'provider',
  DCM_AUTH_CLIENT_SECRET: 'p@ss word',
};

t.test('takes a token for the registry as it is', (t) => {
  t.strictSame(readConfig({ ...required, DCM_AUTH_TOKEN: 'abc' }).registry.authentication, { token: 'abc' });
  t.end();
});

t.test('wants all of the client credentials or none', (t) => {
  for (const missing of Object.keys(credentials)) {
    const others = Object.keys(credentials).filter((variable) => variable !== missing);
    const lines = problems({ ...required, ...credentials, [missing]: '' });
    t.strictSame(lines, [`${missing} is required together with ${others.join(', ')}`]);
  }
  t.end();
});

t.test('wants a token or the client credentials, not both', (t) => {
  t.strictSame(problems({ ...required, ...credentials, DCM_AUTH_TOKEN: 'abc' }), [
    `DCM_AUTH_TOKEN must not be set together with ${Object.keys(credentials).join(', ')}`,
  ]);
  t.end();
});

t.test('refuses bad client credentials', (t) => {
  for (const [variable, value] of [
    ['DCM_AUTH_TOKEN_ENDPOINT', 'sso/token'],
    ['DCM_AUTH_TOKEN_ENDPOINT', 'https://user:word@sso/token'],
    ['DCM_AUTH_TOKEN_ENDPOINT', 'https://sso/token#x'],
    ['DCM_AUTH_CLIENT_ID', 'a\nb'],
    ['DCM_AUTH_CLIENT_SECRET', 'ä'],
  ] as const) {
    const lines = problems({ ...required, ...credentials, [variable]: value });
    t.match(lines, [new RegExp(`^${variable} has a value that is not allowed`)], value);
  }
  t.end();
});

t.test('sends the client secret over https, or on this machine, unless plain http is allowed', (t) => {
  const problem =
    'DCM_AUTH_TOKEN_ENDPOINT would have the client secret sent over plain http: it must be https, or on a loopback ' +
    'address, unless DCM_AUTH_ALLOW_HTTP is true';
  const env = (tokenEndpoint: string, more = {}) => ({
    ...required,
    ...credentials,
    DCM_AUTH_TOKEN_ENDPOINT: tokenEndpoint,
    ...more,
  });
  for (const url of ['http://sso/token', 'HTTP://10.0.0.1:8080/token', 'http://localhost.example/token?a=b']) {
    t.strictSame(problems(env(url)), [problem], url);
    t.strictSame(problems(env(url, { DCM_AUTH_ALLOW_HTTP: 'false' })), [problem], url);
    const { authentication } = readConfig(env(url, { DCM_AUTH_ALLOW_HTTP: 'true' })).registry;
    t.match(authentication, { tokenEndpoint: url });
  }
  for (const url of [
    'http://127.0.0.1:8080/token',
    'http://[::1]/token',
    'http://localhost/token',
    'https://sso/token',
  ])
    t.match(readConfig(env(url)).registry.authentication, { tokenEndpoint: url });
  t.strictSame(problems({ ...required, DCM_AUTH_ALLOW_HTTP: 'yes' }), [
    'DCM_AUTH_ALLOW_HTTP is "yes": it must be true or false',
  ]);
  t.end();
});

t.test('says nothing of a credential, wherever it stands', (t) => {
  const secret = 'hunter2';
  const lines = problems({
    ...required,
    SP_ENDPOINT: `http://user:${secret}@host`,
    DCM_REGISTRATION_URL: `http://host?token=${secret}`,
    SP_NATS_URL: `http://user:${secret}@host:4222,nats://${secret}@host:0`,
  });
  t.ok(lines.length >= 4);
  t.notMatch(lines.join('\n'), secret);
  t.end();
});

t.test('reads which hints callers may use', (t) => {
  const policy = (env: Record<string, string>) => readConfig({ ...required, ...env }).kubernetes.hintPolicy;
  t.same([...policy({ SP_K8S_ALLOWED_HINTS: 'none' }).hints], []);
  t.same(
    [...policy({ SP_K8S_ALLOWED_HINTS: 'tolerations, volumes.empty_dir' }).hints],
    ['tolerations', 'volumes.empty_dir'],
  );
  t.same([...policy({ SP_K8S_ALLOWED_PULL_SECRETS: 'registry,a.b' }).pullSecrets], ['registry', 'a.b']);
  t.same(
    [...policy({ SP_K8S_ALLOWED_SERVICE_ANNOTATIONS: 'example.com/*,a/b,c' }).serviceAnnotations],
    ['example.com/*', 'a/b', 'c'],
  );
  t.same([...policy({ SP_K8S_ALLOWED_CLAIMS: 'shared, data-*,a.b,*' }).claims], ['shared', 'data-*', 'a.b', '*']);
  for (const [variable, value] of [
    ['SP_K8S_ALLOWED_HINTS', 'volumes'],
    ['SP_K8S_ALLOWED_HINTS', 'none,tolerations'],
    ['SP_K8S_ALLOWED_HINTS', 'privileged'],
    ['SP_K8S_ALLOWED_PULL_SECRETS', 'Registry'],
    ['SP_K8S_ALLOWED_PULL_SECRETS', 'a,,b'],
    ['SP_K8S_ALLOWED_SERVICE_ANNOTATIONS', '*'],
    ['SP_K8S_ALLOWED_SERVICE_ANNOTATIONS', '/x'],
    ['SP_K8S_ALLOWED_CLAIMS', '*-data'],
    ['SP_K8S_ALLOWED_CLAIMS', 'data-**'],
    ['SP_K8S_ALLOWED_CLAIMS', 'Data'],
    ['SP_K8S_ALLOWED_CLAIMS', 'data-'],
  ] as const) {
    t.match(problems({ ...required, [variable]: value }), [new RegExp(`^${variable} is .*: it must be `)], value);
  }
  t.end();
});

const together: Record<string, { env: Record<string, string>; missing: string[] }> = {
  'a certificate without its key': { env: { SP_SERVER_TLS_CERT: '/a' }, missing: ['SP_SERVER_TLS_KEY'] },
  'authorities of clients without a certificate': {
    env: { SP_SERVER_TLS_CLIENT_CA: '/a' },
    missing: ['SP_SERVER_TLS_CERT', 'SP_SERVER_TLS_KEY'],
  },
  'an issuer without an audience': { env: { SP_AUTH_ISSUER: 'https://sso' }, missing: ['SP_AUTH_AUDIENCE'] },
  'a scope without an issuer': {
    env: { SP_AUTH_SCOPE: 'a', SP_AUTH_AUDIENCE: 'b' },
    missing: ['SP_AUTH_ISSUER'],
  },
};

for (const [name, { env, missing }] of Object.entries(together)) {
  t.test(`refuses ${name}`, (t) => {
    const given = Object.keys(env).toSorted();
    for (const [index, line] of problems({ ...required, ...env }).entries()) {
      const [variable, rest = ''] = line.split(' is required together with ');
      t.equal(variable, missing[index]);
      t.strictSame(rest.split(', ').toSorted(), given);
    }
    t.equal(problems({ ...required, ...env }).length, missing.length);
    t.end();
  });
}

const tokens = { SP_AUTH_ISSUER: 'https://sso', SP_AUTH_AUDIENCE: 'containers' };
const badOfTokens: Record<string, string[]> = {
  SP_AUTH_ISSUER: ['sso', 'http://sso', 'https://sso?a=b', 'https://u:p@sso', 'https://sso#x'],
  SP_AUTH_AUDIENCE: ['a\nb'],
  SP_AUTH_JWKS_URL: ['http://sso/keys', 'https://sso/keys#x', 'https://u:p@sso/keys'],
  SP_AUTH_SCOPE: ['a b', 'a"b', 'ä'],
};

for (const [variable, values] of Object.entries(badOfTokens)) {
  t.test(`refuses bad values of ${variable}`, (t) => {
    for (const value of values)
      t.match(problems({ ...required, ...tokens, [variable]: value }), [RegExp(`^${variable} .* must be`)]);
    t.end();
  });
}

t.test('takes keys and issuers on this machine over plain HTTP', (t) => {
  for (const url of ['http://localhost:1/a', 'http://127.0.0.1:1', 'http://[::1]:1']) {
    t.strictSame(problems({ ...required, ...tokens, SP_AUTH_ISSUER: url, SP_AUTH_JWKS_URL: url }), []);
  }
  t.end();
});

const names: [providerName: string, leaseName: string | RegExp][] = [
  ['k8s-1', 'dcm-provider-k8s-1'],
  ['k8s.1', 'dcm-provider-k8s.1'],
  ['K8s-1', /^dcm-provider-k8s-1-[0-9a-f]{10}$/],
  ['k8s_1', /^dcm-provider-k8s-1-[0-9a-f]{10}$/],
  ['k8s-1-', /^dcm-provider-k8s-1--[0-9a-f]{10}$/],
  ['a..b', /^dcm-provider-a--b-[0-9a-f]{10}$/],
  ['a.', /^dcm-provider-a--[0-9a-f]{10}$/],
  ['a'.repeat(240), `dcm-provider-${'a'.repeat(240)}`],
  ['a'.repeat(241), /^dcm-provider-a{229}-[0-9a-f]{10}$/],
];

for (const [providerName, leaseName] of names) {
  t.test(`names the Lease of ${providerName.slice(0, 20)}`, (t) => {
    t.match(defaultLeaseName(providerName), leaseName);
    t.end();
  });
}

t.test('every provider has a Lease whose name Kubernetes takes, and no two share one', (t) => {
  const providerName = fc.stringMatching(/^[A-Za-z0-9._-]{1,300}$/);
  fc.assert(
    fc.property(providerName, (name) => problems({ ...required, SP_LEASE_NAME: defaultLeaseName(name) }).length === 0),
  );
  fc.assert(
    fc.property(
      fc.stringMatching(/^[aA._-]{1,4}$/),
      fc.stringMatching(/^[aA._-]{1,4}$/),
      (one, other) => one === other || defaultLeaseName(one) !== defaultLeaseName(other),
    ),
  );
  t.end();
});
