import { test } from 'tap';

import { ConfigError, readConfig } from '../../src/config/config.ts';

const required = {
  SP_NAME: 'provider-1',
  SP_ENDPOINT: 'http://provider:8080',
  DCM_REGISTRATION_URL: 'http://registry:8080/api/v1alpha1',
  SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
  SP_NATS_URL: 'nats://nats:4222',
};

/** The faults of the environment, one line each; empty: there are none. */
function faults(env: Record<string, string | undefined>): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n');
  }
}

test('needs no more than the required variables', (t) => {
  t.strictSame(readConfig(required), {
    logLevel: 'info',
    provider: { name: 'provider-1', endpoint: 'http://provider:8080' },
    registrationUrl: 'http://registry:8080/api/v1alpha1',
    kubernetes: { namespace: 'default', externalServiceType: 'LoadBalancer' },
    nats: { servers: ['nats:4222'] },
    monitor: { debounceMs: 500, resyncPeriodMs: 600_000 },
    server: {
      host: '',
      port: 8080,
      shutdownMs: 15_000,
      readMs: 15_000,
      writeMs: 15_000,
      idleMs: 60_000,
      requestMs: 30_000,
    },
  });
  t.end();
});

const complete = {
  ...required,
  SP_DISPLAY_NAME: 'Containers on Kubernetes',
  SP_REGION: 'eu',
  SP_ZONE: 'eu-1',
  SP_K8S_NAMESPACE: 'containers',
  SP_K8S_KUBECONFIG: '/etc/kubeconfig',
  SP_K8S_EXTERNAL_SVC_TYPE: 'NodePort',
  SP_NATS_URL: 'nats://a:1,nats://b:2',
  SP_MONITOR_DEBOUNCE_MS: '250',
  SP_MONITOR_RESYNC_PERIOD: '1m30s',
  SP_SERVER_ADDRESS: '[::1]:9090',
  SP_SERVER_SHUTDOWN_TIMEOUT: '1s',
  SP_SERVER_READ_TIMEOUT: '2s',
  SP_SERVER_WRITE_TIMEOUT: '3s',
  SP_SERVER_IDLE_TIMEOUT: '4s',
  SP_SERVER_REQUEST_TIMEOUT: '500ms',
  SP_LOG_LEVEL: 'debug',
};

test('reads every variable', (t) => {
  t.strictSame(readConfig(complete), {
    logLevel: 'debug',
    provider: {
      name: 'provider-1',
      endpoint: 'http://provider:8080',
      displayName: 'Containers on Kubernetes',
      region: 'eu',
      zone: 'eu-1',
    },
    registrationUrl: 'http://registry:8080/api/v1alpha1',
    kubernetes: { namespace: 'containers', kubeconfig: '/etc/kubeconfig', externalServiceType: 'NodePort' },
    nats: { servers: ['a:1', 'b:2'] },
    monitor: { debounceMs: 250, resyncPeriodMs: 90_000 },
    server: {
      host: '::1',
      port: 9090,
      shutdownMs: 1_000,
      readMs: 2_000,
      writeMs: 3_000,
      idleMs: 4_000,
      requestMs: 500,
    },
  });
  t.end();
});

test('takes an empty optional variable for its default', (t) => {
  const empty = Object.fromEntries(Object.keys(complete).map((variable) => [variable, '']));
  t.strictSame(readConfig({ ...empty, ...required }), readConfig(required));
  t.end();
});

test('names every required variable that is missing or empty, in one go', (t) => {
  const expected = [
    'SP_NAME is required: it must be made of letters, digits, ".", "_" and "-"',
    'SP_ENDPOINT is required: it must be an http or https URL without user, password, query and fragment, such as http://host:8080/path',
    'DCM_REGISTRATION_URL is required: it must be an http or https URL without user, password, query and fragment, such as http://host:8080/path',
    'SP_K8S_EXTERNAL_SVC_TYPE is required: it must be one of LoadBalancer, NodePort',
    'SP_NATS_URL is required: it must be a NATS URL or a comma-separated list of them, such as nats://host:4222',
  ];
  t.strictSame(faults({}), expected);
  t.strictSame(faults(Object.fromEntries(Object.keys(required).map((variable) => [variable, '']))), expected);
  t.end();
});

test('names every variable with a bad value, beside those that are missing', (t) => {
  const lines = faults({
    ...Object.fromEntries(Object.keys(complete).map((variable) => [variable, '\u0000'])),
    SP_NAME: undefined,
  });
  t.strictSame(lines.map((line) => line.split(' ')[0]).toSorted(), Object.keys(complete).toSorted());
  t.end();
});

test('says what a value is and what is allowed', (t) => {
  t.strictSame(faults({ ...required, SP_SERVER_READ_TIMEOUT: '15' }), [
    'SP_SERVER_READ_TIMEOUT is "15": it must be a duration above 0 and up to 596h, such as 500ms, 15s or 1m30s',
  ]);
  t.end();
});

const bad: Record<string, string[]> = {
  SP_NAME: ['a b', 'a/b', 'ä', ' a'],
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
  SP_NATS_URL: ['nats', 'http://nats:4222', 'nats://a:1,'],
  SP_MONITOR_DEBOUNCE_MS: ['-1', '1.5', '500ms', '1e3', '0x10', '2147483648', ' 1', '+1'],
  SP_MONITOR_RESYNC_PERIOD: ['0', '0s', '-1m', '10', '597h', '2147483648ms', 'x'],
  SP_SERVER_ADDRESS: ['8080', ':99999', 'host'],
  SP_SERVER_SHUTDOWN_TIMEOUT: ['0s', 'soon'],
  SP_SERVER_READ_TIMEOUT: ['0', '15'],
  SP_SERVER_WRITE_TIMEOUT: ['0ms', '15 s'],
  SP_SERVER_IDLE_TIMEOUT: ['-60s', '1d'],
  SP_SERVER_REQUEST_TIMEOUT: ['9999999h', 's'],
  SP_LOG_LEVEL: ['INFO', 'trace', 'silent'],
};

for (const [variable, values] of Object.entries(bad)) {
  test(`refuses bad values of ${variable}`, (t) => {
    for (const value of values) {
      const lines = faults({ ...required, [variable]: value });
      t.ok(lines.length > 0 && lines.every((line) => line.startsWith(`${variable} `)), JSON.stringify(value));
    }
    t.end();
  });
}

const good: Record<string, string[]> = {
  SP_NAME: ['a', 'K8s_provider-1.0', '-'],
  SP_ENDPOINT: ['https://host', 'HTTP://host', 'http://[::1]:8080', 'http://10.0.0.1/gateway/a%20b'],
  SP_K8S_NAMESPACE: ['a', '1', 'a--b', 'a'.repeat(63)],
  SP_MONITOR_DEBOUNCE_MS: ['0', '1', '2147483647', '007'],
  SP_MONITOR_RESYNC_PERIOD: ['1ns', '2147483647ms', '596h'],
};

for (const [variable, values] of Object.entries(good)) {
  test(`takes good values of ${variable}`, (t) => {
    for (const value of values) t.strictSame(faults({ ...required, [variable]: value }), [], value);
    t.end();
  });
}

test('takes trailing slashes off URLs', (t) => {
  const { provider, registrationUrl } = readConfig({
    ...required,
    SP_ENDPOINT: 'http://provider:8080//',
    DCM_REGISTRATION_URL: 'http://registry/api/v1alpha1/',
  });
  t.equal(provider.endpoint, 'http://provider:8080');
  t.equal(registrationUrl, 'http://registry/api/v1alpha1');
  t.end();
});

test('says nothing of a credential, wherever it stands', (t) => {
  const secret = 'hunter2';
  const lines = faults({
    ...required,
    SP_ENDPOINT: `http://user:${secret}@host`,
    DCM_REGISTRATION_URL: `http://host?token=${secret}`,
    SP_NATS_URL: `http://user:${secret}@host:4222,nats://${secret}@host:0`,
  });
  t.ok(lines.length >= 4);
  t.notMatch(lines.join('\n'), secret);
  t.end();
});
