/** The chart's schema refuses what the process would refuse, where a value is one of its variables. */
import { readFile } from 'node:fs/promises';

import { Ajv } from 'ajv';
import t from 'tap';

import { ConfigError, readConfig } from '../../src/config/config.ts';
import { requiredVariables as required } from '../support/environment.ts';

const schema = JSON.parse(
  await readFile(new URL('../../deploy/chart/values.schema.json', import.meta.url), 'utf8'),
) as object;
const isValid = new Ajv({ strict: false }).compile(schema);

const values = {
  provider: { name: 'provider-1' },
  containers: { namespace: 'containers', externalServiceType: 'LoadBalancer' },
  registration: { url: 'http://registry:8080/api/v1alpha1' },
  nats: { url: 'nats://nats:4222', urlSecret: null },
};

const timeouts = ['15s', '1m30s', '500ms', '0.5s', '0s', '0', '0m0s', '15', '-1s'];
/** In the order of their lengths; all are as Go writes durations, but for the last ones. */
const durations = [
  ...[
    '1ns',
    '1500us',
    '1500\u00b5s',
    '1500\u03bcs',
    '.5s',
    '2.s',
    '+5s',
    '1s1s',
    '1h1m1s1ms1us1ns',
    '0001m',
    '1000000us',
  ],
  ...[
    '90m',
    '100h',
    '36h90m',
    '595h59m59.9s',
    '596h',
    '596h29m59s',
    '35000m',
    '2140000s',
    '2140000000ms',
    '2140000000000000ns',
  ],
  ...['597h', '600h', '999.5h', '1000h', '596h32m', '596h60m', '35792m', '2147484s', '2147483648ms', '2147484000000us'],
  ...['99h99h99h99h99h99h99h', '500h6000m', '1d', '1S', '1..s', '.s', 's', '++1s', '1e3s', `${'0'.repeat(64)}1s`],
];
const urls = [
  'https://host.example/realms/dcm',
  'HTTPS://host',
  'http://host',
  'http://127.0.0.1:8080/x',
  'http://localhost',
  'http://[::1]:80',
  'http://localhost.example',
  'https://user@host',
  'https://host/@x',
  'https://host?a=b',
  'https://host#a',
  'https://',
  'ftp://host',
  'host',
];
const natsUrls = [
  'nats://a',
  'nats://a:4222,nats://b:4222',
  'tls://a,tls://b',
  'tls://a,nats://b',
  'nats://a,tls://b',
  'nats://a,',
  'nats://a/path',
  'nats://a/',
  'http://a',
];
const annotationKeys = [
  'example.com/key',
  'key',
  'example.com/*',
  '*',
  'Example.com/key',
  'example.com/',
  'example.com/-key',
  'a b',
  'a,b!',
  'example..com/key',
  'key_1.x',
];

interface Case {
  /** Where the value is in the values. */
  path: string;
  variable: string;
  texts: readonly string[];
  /** What has to be set beside it. */
  beside?: { values: Record<string, unknown>; env: Record<string, string> };
}

const authentication = { values: { 'auth.audience': 'dcm' }, env: { SP_AUTH_AUDIENCE: 'dcm' } };
const issuer = {
  values: { ...authentication.values, 'auth.issuer': 'https://issuer.example' },
  env: { ...authentication.env, SP_AUTH_ISSUER: 'https://issuer.example' },
};
const client = {
  values: { 'registration.client.id': 'a', 'registration.client.secret': { name: 'dcm', key: 'b' } },
  env: { DCM_AUTH_CLIENT_ID: 'a', DCM_AUTH_CLIENT_SECRET: 'b' },
};
const plainClient = {
  values: { ...client.values, 'registration.client.allowHttp': true },
  env: { ...client.env, DCM_AUTH_ALLOW_HTTP: 'true' },
};

const cases: Case[] = [
  { path: 'server.readTimeout', variable: 'SP_SERVER_READ_TIMEOUT', texts: [...timeouts, ...durations] },
  { path: 'server.writeTimeout', variable: 'SP_SERVER_WRITE_TIMEOUT', texts: timeouts },
  { path: 'server.idleTimeout', variable: 'SP_SERVER_IDLE_TIMEOUT', texts: timeouts },
  { path: 'server.requestTimeout', variable: 'SP_SERVER_REQUEST_TIMEOUT', texts: timeouts },
  { path: 'containers.addressWait', variable: 'SP_MONITOR_ADDRESS_WAIT', texts: [...timeouts, ...durations] },
  {
    path: 'containers.progressDeadline',
    variable: 'SP_K8S_PROGRESS_DEADLINE',
    texts: [...timeouts, ...durations, '1s', '999ms', '1000ms', '1000000000ns', '999000us', '0.5m', '0.5s'],
  },
  // The process takes less than a second, as the reference provider does, and compares once a second; the chart does not.
  {
    path: 'events.resyncPeriod',
    variable: 'SP_MONITOR_RESYNC_PERIOD',
    texts: timeouts.filter((text) => !['500ms', '0.5s'].includes(text)),
  },
  {
    path: 'registration.refresh',
    variable: 'SP_REGISTRATION_REFRESH',
    texts: [
      '0',
      '0s',
      '1s',
      '1ms',
      '999ms',
      '1000ms',
      '0.5s',
      '0.5m',
      '1m30s',
      '0m1s',
      '0m',
      '1h',
      '1',
      '01s',
      '1m500ms',
      '1000000us',
      '999000us',
      '0m0s',
      ...durations,
    ],
  },
  { path: 'registration.url', variable: 'DCM_REGISTRATION_URL', texts: urls },
  { path: 'provider.endpoint', variable: 'SP_ENDPOINT', texts: urls },
  { path: 'registration.client.tokenEndpoint', variable: 'DCM_AUTH_TOKEN_ENDPOINT', texts: urls, beside: client },
  { path: 'registration.client.tokenEndpoint', variable: 'DCM_AUTH_TOKEN_ENDPOINT', texts: urls, beside: plainClient },
  { path: 'auth.issuer', variable: 'SP_AUTH_ISSUER', texts: urls, beside: authentication },
  { path: 'auth.jwksUrl', variable: 'SP_AUTH_JWKS_URL', texts: urls, beside: issuer },
  { path: 'nats.url', variable: 'SP_NATS_URL', texts: natsUrls },
  {
    path: 'containers.allowedServiceAnnotations.0',
    variable: 'SP_K8S_ALLOWED_SERVICE_ANNOTATIONS',
    texts: annotationKeys.filter((key) => !key.includes(',')),
  },
  {
    path: 'containers.allowedClaims.0',
    variable: 'SP_K8S_ALLOWED_CLAIMS',
    texts: [
      ...[
        'a',
        'data-1',
        'a.b',
        'data-*',
        'a.b-*',
        'a.*',
        '*',
        '0*',
        'A',
        'a b',
        'a-',
        '-a',
        '-*',
        '.*',
        'a..b',
        'a..*',
        'a.-*',
      ],
      ...['a*b', '**', 'a/b', '/*', 'a'.repeat(253), 'a'.repeat(254), `${'a'.repeat(252)}*`, `${'a'.repeat(253)}*`],
    ],
  },
];

for (const { path, variable, texts, beside = { values: {}, env: {} } } of cases) {
  t.test(`${path} is refused where ${variable} is, beside ${JSON.stringify(beside.env)}`, (t) => {
    const verdicts = texts.map((text) => [
      text,
      isValid(valuesWith({ ...beside.values, [path]: text })),
      isTaken({ ...required, ...beside.env, [variable]: text }),
    ]);
    t.strictSame(
      verdicts.filter(([, byChart, byProcess]) => byChart !== byProcess),
      [],
    );
    t.equal(new Set(verdicts.map(([, byChart]) => byChart)).size, 2, 'some are taken and some are not');
    t.end();
  });
}

function valuesWith(changes: Record<string, unknown>): object {
  const changed: Record<string, unknown> = structuredClone(values);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop()!;
    let at = changed;
    for (const [index, key] of keys.entries()) {
      const isArray = (keys[index + 1] ?? last) === '0';
      at = (at[key] ??= isArray ? [] : {}) as Record<string, unknown>;
    }
    at[last] = value;
  }
  return changed;
}

function isTaken(env: Record<string, string>): boolean {
  try {
    readConfig(env);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}
