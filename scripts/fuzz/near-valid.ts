/** Requests that are valid, and requests that are but for a little: what people and programs get wrong. */
import fc from 'fast-check';
import { parseExactly } from '../../src/containers/json.ts';

/** Numbers may be `JSON.rawJSON`, which `structuredClone` refuses: see `copyOf`. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface NearValidRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/api/v1alpha1`, with the query. */
  target: string;
  headers: Record<string, string>;
  /** The body as it is sent; absent: none. */
  body?: string;
  /** The spec of a create in which nothing is wrong. */
  validSpec?: Json;
  /** Points to the one thing that is wrong with the body. */
  faultAt?: string;
}

type JsonObject = Record<string, Json>;

/** @param secret - the value of every environment variable and every credential, for the log to be searched for it */
export function nearValidRequests(secret: string): fc.Arbitrary<NearValidRequest> {
  const specs = validSpecs(secret);
  return fc.oneof(
    { weight: 3, arbitrary: validCreates(specs) },
    { weight: 1, arbitrary: keyedCreates(specs, secret) },
    { weight: 1, arbitrary: claimingCreates(specs) },
    { weight: 5, arbitrary: brokenCreates(specs) },
    { weight: 1, arbitrary: brokenAmounts(specs) },
    { weight: 1, arbitrary: brokenImages(specs) },
    { weight: 1, arbitrary: brokenJson(specs) },
    { weight: 2, arbitrary: oddHeaders(specs, secret) },
    { weight: 2, arbitrary: byId },
    { weight: 2, arbitrary: lists(secret) },
    { weight: 1, arbitrary: logs },
    { weight: 1, arbitrary: updates(specs) },
    { weight: 1, arbitrary: restarts },
  );
}

const letters = Array.from('abcdefghijklmnopqrstuvwxyz0123456789');
const label = (maxLength: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...letters, '-'), { minLength: 1, maxLength })
    .map((characters) => characters.join('').replace(/^-|-$/g, 'x'));
const labelName = fc
  .array(fc.constantFrom(...letters, 'A', 'Z', '-', '_', '.'), { minLength: 1, maxLength: 63 })
  .map((characters) => characters.join('').replace(/^[-_.]|[-_.]$/g, 'x'))
  .filter((name) => name !== 'pod-template-hash');
const labelKey = fc.oneof(
  labelName,
  fc.tuple(label(40), labelName).map(([prefix, name]) => `${prefix}.example/${name}`),
);
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('$', '$$', '(', ')', 'A', '$(A)'), maxLength: 8 }),
);
const digits = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('00123456789')), minLength: 1, maxLength, size: 'max' });

/** Numbers in all their forms, most of them such as a double does not give back. */
export const writtenNumbers: fc.Arbitrary<Json> = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits(24).map((whole) => whole.replace(/^0+(?=.)/, '')),
    fc.option(digits(20), { nil: undefined }),
    fc.option(fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/), { nil: undefined, freq: 3 }),
  )
  .map(
    ([sign, whole, fraction, exponent = '']) =>
      `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${exponent}`,
  )
  .map((text) => parseExactly(text) as Json);

const repeated = (part: fc.Arbitrary<string>, separator: string, maxLength: number) =>
  fc.array(part, { minLength: 1, maxLength }).map((parts) => parts.join(separator));
const lowerCase = (maxLength: number) => fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength });
const pathPart = fc
  .tuple(lowerCase(8), fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '---'), lowerCase(4)), { maxLength: 2 }))
  .map(([first, others]) => first + others.flat().join(''));
const charactersOf = (characters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from(characters)), minLength, maxLength });
const hostPart = charactersOf('abcxyz019AZ-', 1, 8).map((part) => part.replace(/^-|-$/g, 'h'));
const imageHost = fc
  .tuple(
    fc.oneof(
      repeated(hostPart, '.', 4).filter((host) => /[.A-Z]/.test(host)),
      fc.constantFrom('localhost', 'docker.io', 'index.docker.io', '192.0.2.1', '[2001:db8::1]', '[::1]'),
    ),
    fc.constantFrom('', '', ':5000', ':0'),
  )
  .map((parts) => parts.join(''));
const imageDigest = fc
  .constantFrom<[string, number][]>(['sha256', 64], ['sha384', 96], ['sha512', 128])
  .chain(([algorithm, length]) =>
    charactersOf('0123456789abcdef', 8, 8).map((hex) => `${algorithm}:${hex.repeat(length / 8)}`),
  );
const optionally = (part: fc.Arbitrary<string>, map: (text: string) => string) =>
  fc.option(part.map(map), { nil: '', freq: 2 });

/** References of images, by the parts that they may have. */
export const imageReferences: fc.Arbitrary<string> = fc
  .tuple(
    optionally(imageHost, (host) => `${host}/`),
    repeated(pathPart, '/', 3),
    optionally(charactersOf('abcxyz019AZ_.-', 0, 20), (tag) => `:v${tag}`),
    optionally(imageDigest, (digest) => `@${digest}`),
  )
  .map((parts) => parts.join(''));

/** References with one or two characters or parts too many, missing or replaced: most are none, some are others. */
export const oddImageReferences: fc.Arbitrary<string> = fc
  .tuple(
    imageReferences,
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.constantFrom(
          ...['', '/', ':', '@', '.', '-', '_', ' ', 'A', 'z', '0', '//', '::', '@@', '..', '--', '___', '$', '${TAG}'],
          ...['[', ']', '[::1]', '\n', 'é', '\u00a0', 'https://', 'latest', ':80/', 'a'.repeat(130), 'a/'.repeat(128)],
          ...['f'.repeat(64), 'sha256:', '%41', '#', '?x=1', '\\', '!'],
        ),
      ),
      { minLength: 1, maxLength: 2 },
    ),
  )
  .map(([reference, edits]) =>
    edits.reduce((text, [at, removed, added]) => {
      const index = at % (text.length + 1);
      return text.slice(0, index) + added + text.slice(index + removed);
    }, reference),
  );

/** Fields that the document does not describe: they must come back as they were sent. */
const extras = fc.dictionary(
  fc
    .oneof(label(8), fc.constantFrom('__proto', 'constructor', 'toString', '', ' ', 'é', 'a/b', 'a~b'))
    .map((name) => `x-${name}`),
  fc.oneof(fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>, writtenNumbers, fc.array(writtenNumbers)),
  { maxKeys: 2 },
);

/** Cores as an integer or as text, or thousandths of one: a number of those, so that two can be told apart by size. */
interface Cpu {
  millicores: number;
  as: 'integer' | 'cores' | 'millicores';
}

const maxCores = 1_000_000;
const cpu: fc.Arbitrary<Cpu> = fc.record({
  millicores: fc.oneof(
    fc.integer({ min: 1, max: 3_000 }),
    fc.integer({ min: 1, max: 1_000 * maxCores }),
    fc.integer({ min: 1, max: maxCores }).map((cores) => 1_000 * cores),
  ),
  as: fc.constantFrom('integer', 'cores', 'millicores'),
});
/** The same amount twice, or two, each in any form. */
const cpuPair = fc.oneof(
  fc.tuple(cpu, cpu),
  fc.tuple(cpu, cpu).map(([one, { as }]): [Cpu, Cpu] => [one, { ...one, as }]),
);

function cpuAmount({ millicores, as }: Cpu): number | string {
  if (as === 'millicores' || millicores % 1_000 !== 0) return `${millicores}m`;
  return as === 'integer' ? millicores / 1_000 : String(millicores / 1_000);
}
/** As mebibytes, so that two can be told apart by size whatever their units. */
const memory = fc.record({ count: fc.integer({ min: 1, max: 9_999 }), unit: fc.constantFrom('MB', 'GB', 'TB') });
const mebibytes = { MB: 1, GB: 1024, TB: 1024 * 1024 };

function validSpecs(secret: string): fc.Arbitrary<JsonObject> {
  const optional = { requiredKeys: [] };
  return fc
    .record(
      {
        service_type: fc.constant('container'),
        metadata: fc
          .tuple(
            label(63),
            fc.option(fc.dictionary(labelKey, fc.oneof(labelName, fc.constant('')), { maxKeys: 4 }), {
              nil: undefined,
            }),
            extras,
          )
          .map(([name, labels, more]) => ({ name, ...(labels && { labels }), ...more })),
        image: fc.tuple(imageReferences, extras).map(([reference, more]) => ({ reference, ...more })),
        resources: fc.tuple(cpuPair, memory, memory, extras).map(([pair, c, d, more]) => ({
          cpu: cpuRange(pair),
          memory: rangeOf([c, d]),
          ...more,
        })),
        process: fc.record(
          {
            command: fc.array(text, { maxLength: 3 }),
            args: fc.array(text, { maxLength: 3 }),
            env: fc
              .uniqueArray(fc.stringMatching(/^[ -<>-~]{1,20}$/), { maxLength: 4 })
              .map((names) =>
                names.map((name, index) => ({ name, value: index % 2 === 0 ? secret : `$$(A)${secret}$` })),
              ),
          },
          optional,
        ),
        network: fc.record(
          {
            ports: fc.uniqueArray(
              fc.record(
                {
                  container_port: fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 52, max: 53 })),
                  visibility: fc.constantFrom('none', 'internal', 'external'),
                  protocol: fc.constantFrom('TCP', 'UDP'),
                },
                { requiredKeys: ['container_port', 'visibility'] },
              ),
              { maxLength: 3, selector: ({ container_port: port, protocol = 'TCP' }) => `${port}/${protocol}` },
            ),
          },
          optional,
        ),
        provider_hints: fc.oneof(
          fc.dictionary(
            fc.string({ maxLength: 5 }).map((name) => `h${name}`),
            fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
            { maxKeys: 2 },
          ),
          fc.boolean().map((expands) => ({ kubernetes: { expand_variables: expands } })),
        ),
      },
      { requiredKeys: ['service_type', 'metadata', 'image', 'resources'] },
    )
    .map((spec) => plain(spec));
}

function cpuRange(pair: readonly Cpu[]): JsonObject {
  const [min, max] = pair.toSorted((a, b) => a.millicores - b.millicores);
  return { min: cpuAmount(min!), max: cpuAmount(max!) };
}

function rangeOf(amounts: { count: number; unit: keyof typeof mebibytes }[]): JsonObject {
  const [min, max] = amounts.toSorted((a, b) => a.count * mebibytes[a.unit] - b.count * mebibytes[b.unit]);
  return { min: `${min!.count}${min!.unit}`, max: `${max!.count}${max!.unit}` };
}

/** As it is after a journey through JSON: without negative zeros and special prototypes. */
function plain(value: unknown): JsonObject {
  return copyOf(value) as JsonObject;
}

/** With numbers as they were written. */
export function copyOf(value: unknown): Json {
  return parseExactly(JSON.stringify(value)) as Json;
}

const post = (target: string, body: string, headers: Record<string, string> = {}): NearValidRequest => ({
  method: 'POST',
  target,
  headers: { 'content-type': 'application/json', ...headers },
  body,
});

const ids = label(63);
const uniqueId = fc.noBias(fc.uuid());
const oddIds = fc.oneof(
  fc.constantFrom(
    '',
    'health',
    '-',
    'a-',
    '-a',
    'A',
    'a_b',
    'a.b',
    '..',
    '.',
    '%',
    '%00',
    '%2F',
    'a%2fb',
    '%C3%A9',
    'null',
    '*',
    'a b',
    '__proto__',
  ),
  label(63).map((id) => id.repeat(3)),
  fc.string({ unit: 'binary', maxLength: 10 }).map((value) => encodeURIComponent(value.toWellFormed())),
);

function validCreates(specs: fc.Arbitrary<JsonObject>): fc.Arbitrary<NearValidRequest> {
  return fc
    .tuple(
      fc.option(
        ids.filter((id) => id !== 'health'),
        { nil: undefined },
      ),
      specs,
      fc.boolean(),
      validateOnly,
    )
    .map(([id, spec, withReadOnlyFields, checks]) => {
      const readOnly = withReadOnlyFields
        ? { id: 5, path: null, status: 'x', service: [], create_time: {}, unknown: [1] }
        : {};
      const body = JSON.stringify({ ...readOnly, spec });
      return { ...post(createTarget({ id, ...checks }), body), validSpec: spec };
    });
}

/** Creates with volumes that are nearly claims; no operator has allowed any. */
function claimingCreates(specs: fc.Arbitrary<JsonObject>): fc.Arbitrary<NearValidRequest> {
  const claims = fc.record(
    {
      claim_name: fc.oneof(label(63), fc.constantFrom('', 'a.b', 'A', 'a*', '../a', 5, null)),
      read_only: fc.constantFrom(true, false, 'true', null),
      claimName: label(10),
    },
    { requiredKeys: [] },
  );
  const volumes = fc.array(
    fc.record(
      {
        name: label(63),
        mount_path: fc.constantFrom('/data', '/', '/a/..', 'data', ''),
        read_only: fc.boolean(),
        persistent_volume_claim: fc.oneof(claims, fc.constantFrom(null, [], 'data')),
        empty_dir: fc.constant({ size_limit: '1MB' }),
      },
      { requiredKeys: ['name', 'mount_path'] },
    ),
    { minLength: 1, maxLength: 3 },
  );
  return fc.tuple(uniqueId, specs, volumes).map(([id, spec, volumes]) => {
    const claiming = { ...spec, provider_hints: { kubernetes: { volumes } } };
    return post(createTarget({ id }), JSON.stringify({ spec: claiming }));
  });
}

/** With an id that no other request has, for nothing may exist after it. */
const validateOnly = fc.option(
  uniqueId.map((id) => ({ id, validate_only: 'true' })),
  { nil: undefined, freq: 4 },
);

function createTarget(query: { id?: string | undefined; validate_only?: string }): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return `/containers${given.length === 0 ? '' : `?${given.map((pair) => pair.join('=')).join('&')}`}`;
}

/** Creates that can be sent again. */
function keyedCreates(specs: fc.Arbitrary<JsonObject>, secret: string): fc.Arbitrary<NearValidRequest> {
  const keys = fc
    .tuple(uniqueId, fc.stringMatching(/^[ -~]{0,150}[!-~]$/), fc.boolean())
    .map(([id, tail, isQuoted]) => {
      const key = `${id}${secret}${tail}`;
      return isQuoted ? `"${key.replaceAll(/["\\]/g, '\\$&')}"` : key;
    });
  return fc.tuple(fc.option(uniqueId, { nil: undefined }), keys, specs).map(([id, key, spec]) => ({
    ...post(createTarget({ id }), JSON.stringify({ spec }), { 'idempotency-key': key }),
    validSpec: spec,
  }));
}

const noAmount: fc.Arbitrary<Json> = fc.constantFrom<Json>(
  ...[0, -1, 1.5, maxCores + 1, true, null, [], {}],
  ...['', '0', '0m', '01', '1.5', '500M', '500 m', '+1', '-1m', '1m ', ' 1', '1e3', '٣', 'm', '1mm', '0x1'],
  ...[`${maxCores + 1}`, `${1_000 * maxCores + 1}m`, '9'.repeat(30), `${'9'.repeat(30)}m`],
);

/** One amount of CPU that is none, or a least one that is more than the most. */
function brokenAmounts(specs: fc.Arbitrary<JsonObject>): fc.Arbitrary<NearValidRequest> {
  const none = fc
    .tuple(fc.constantFrom('min', 'max'), noAmount)
    .map(([name, value]) => ({ faultAt: name, change: { [name]: value } }));
  const swapped = fc
    .tuple(cpu, cpu)
    .filter(([one, other]) => one.millicores !== other.millicores)
    .map(cpuRange)
    .map(({ min, max }) => ({ faultAt: 'min', change: { min: max!, max: min! } }));
  return fc.tuple(specs, fc.oneof(none, swapped), validateOnly).map(([spec, { faultAt, change }, checks]) => {
    const { cpu, ...others } = spec['resources'] as { cpu: JsonObject };
    const resources = { ...others, cpu: { ...cpu, ...change } };
    const body = JSON.stringify({ spec: { ...spec, resources } });
    return { ...post(createTarget({ ...checks }), body), faultAt: `/spec/resources/cpu/${faultAt}` };
  });
}

const noImage = fc.constantFrom(
  ...[
    ' nginx',
    'nginx ',
    'NGINX:latest',
    'https://registry.example/app',
    '${IMG}',
    'nginx:',
    'nginx@',
    'a//b',
    'a:b/c',
  ],
  ...['f'.repeat(64), 'nginx:-1', 'nginx@sha256:0', '-a/b', 'a'.repeat(256), 'ngi\nnx', 'nginx?x=1', 'é'],
);

/** An image that is none. */
function brokenImages(specs: fc.Arbitrary<JsonObject>): fc.Arbitrary<NearValidRequest> {
  return fc.tuple(specs, noImage, validateOnly).map(([spec, reference, checks]) => {
    const body = JSON.stringify({ spec: { ...spec, image: { ...(spec['image'] as JsonObject), reference } } });
    return { ...post(createTarget({ ...checks }), body), faultAt: '/spec/image/reference' };
  });
}

/** One to three members of a valid body taken away, replaced, renamed or added to. */
function brokenCreates(specs: fc.Arbitrary<JsonObject>): fc.Arbitrary<NearValidRequest> {
  const edit = fc.record({
    at: fc.nat(),
    how: fc.constantFrom<Edit['how'][]>('remove', 'replace', 'add', 'wrap'),
    value: oddValue,
  });
  return fc
    .tuple(
      specs,
      fc.array(edit, { minLength: 1, maxLength: 3 }),
      fc.option(fc.oneof(ids, oddIds), { nil: undefined }),
      validateOnly,
    )
    .map(([spec, edits, id, checks]) => {
      const body = edits.reduce<Json>(broken, { spec });
      return post(createTarget({ id, ...checks }), JSON.stringify(body));
    });
}

interface Edit {
  at: number;
  how: 'remove' | 'replace' | 'add' | 'wrap';
  value: Json;
}

const oddValue: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    false,
    0,
    -1,
    1,
    1.5,
    -0.1,
    65_536,
    1e21,
    5e-324,
    2 ** 53,
    '',
    ' ',
    '1',
    'null',
    [],
    {},
    [null],
    [[]],
    { '': null },
  ),
  fc.constantFrom<Json>(
    '0MB',
    '00000000001MB',
    '1mb',
    '1.5GB',
    '9999999999TB',
    '8388608TB',
    'x'.repeat(64),
    'x'.repeat(1_000),
    '500m',
    '0m',
    '01m',
    'none',
    'health',
  ),
  fc.constantFrom<Json>(
    'a=b',
    '\0',
    '\n',
    '\ud800',
    '\u2028',
    '\ufeff',
    'dcm.project/managed-by',
    { 'dcm.project/x': 'y' },
    { 'pod-template-hash': 'y' },
  ),
  fc.constantFrom<Json>({ min: 2, max: 1 }, { min: '2GB', max: '1GB' }, [
    { name: 'A', value: '' },
    { name: 'A', value: '' },
  ]),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);

/** One edit at the place that `at` picks among all members of the document. */
function broken(document: Json, { at, how, value }: Edit): Json {
  const copy = copyOf(document);
  const places = [...placesIn(copy)];
  const place = places[at % places.length];
  if (place === undefined) return value;
  const { holder, name } = place;
  if (how === 'remove' && !Array.isArray(holder)) Reflect.deleteProperty(holder, name);
  else if (how === 'add' && Array.isArray(holder)) holder.push(value);
  else if (how === 'add') set(holder, `${name}x`, value);
  else if (how === 'wrap') set(holder, name, [get(holder, name)]);
  else set(holder, name, value);
  return copy;
}

interface Place {
  holder: Json[] | JsonObject;
  name: string;
}

function* placesIn(value: Json): Generator<Place> {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return;
  for (const name of Object.keys(value)) {
    yield { holder: value, name };
    yield* placesIn(get(value, name));
  }
}

function get(holder: Json[] | JsonObject, name: string): Json {
  return (holder as JsonObject)[name]!;
}

function set(holder: Json[] | JsonObject, name: string, value: Json): void {
  (holder as JsonObject)[name] = value;
}

function brokenJson(specs: fc.Arbitrary<JsonObject>): fc.Arbitrary<NearValidRequest> {
  return fc
    .tuple(
      specs,
      fc.nat(),
      fc.constantFrom('', ',', '}', '"', '\\', '\0', 'NaN', '/**/', '\ufeff', "'", '\u2028', '{"__proto__":1,'),
      fc.nat({ max: 5 }),
    )
    .map(([spec, at, insert, remove]) => {
      const whole = JSON.stringify({ spec });
      const cut = at % whole.length;
      // What is cut within a character cannot be sent.
      return post('/containers', (whole.slice(0, cut) + insert + whole.slice(cut + remove)).toWellFormed());
    });
}

function oddHeaders(specs: fc.Arbitrary<JsonObject>, secret: string): fc.Arbitrary<NearValidRequest> {
  const headers = fc.constantFrom<Record<string, string>>(
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': 'application/json;;;' },
    { 'content-type': 'APPLICATION/JSON' },
    { 'content-type': 'application/merge-patch+json' },
    { 'content-type': ' ' },
    { 'content-type': 'multipart/form-data; boundary=x' },
    { 'content-encoding': 'gzip' },
    { accept: 'text/html' },
    { authorization: `Bearer ${secret}` },
    { cookie: `session=${secret}` },
    { 'x-request-id': 'a'.repeat(500) },
    { 'idempotency-key': '' },
    { 'idempotency-key': '"' },
    { 'idempotency-key': '"a"b' },
    { 'idempotency-key': 'a'.repeat(256) },
    { 'idempotency-key': 'k\u00e9y' },
    { 'x-http-method-override': 'DELETE' },
    { origin: 'http://example.org', 'access-control-request-method': 'POST' },
  );
  return fc.tuple(specs, headers).map(([spec, more]) => post('/containers', JSON.stringify({ spec }), more));
}

const byId: fc.Arbitrary<NearValidRequest> = fc
  .tuple(
    fc.constantFrom('GET', 'DELETE'),
    fc.oneof(ids, oddIds),
    fc.constantFrom('', '?', '?x=1', '?id=2', '/', '/x', ';a', '%00'),
  )
  .map(([method, id, tail]) => ({ method, target: `/containers/${id}${tail}`, headers: {} }));

/** Patches of containers that mostly are not there: what is wrong with them is told before that. */
function updates(specs: fc.Arbitrary<JsonObject>): fc.Arbitrary<NearValidRequest> {
  const headers = fc.record(
    {
      'content-type': fc.constantFrom(
        'application/merge-patch+json',
        'application/merge-patch+json; charset=utf-8',
        'application/json',
        'application/json-patch+json',
        '',
      ),
      'if-match': fc.constantFrom('*', '"a"', '"a", W/"b"', 'a', '""', '"', ',', '"a" "b"'),
    },
    { requiredKeys: ['content-type'] },
  );
  const bodies = fc.oneof(
    specs.map((spec): Json => ({ spec })),
    fc.tuple(specs, fc.nat(), oddValue).map(([spec, at, value]) => broken({ spec }, { at, how: 'replace', value })),
    oddValue,
  );
  return fc
    .tuple(fc.oneof(ids, oddIds), fc.constantFrom('', '?validate_only=true', '?validate_only=1'), headers, bodies)
    .map(([id, query, headers, body]) => ({
      method: 'PATCH',
      target: `/containers/${id}${query}`,
      headers,
      body: JSON.stringify(body),
    }));
}

const restarts: fc.Arbitrary<NearValidRequest> = fc
  .tuple(fc.oneof(ids, oddIds), fc.constantFrom(undefined, '', '{}', '[', 'x'))
  .map(([id, body]) => ({
    method: 'POST',
    target: `/containers/${id}:restart`,
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body }),
  }));

/** None is followed, since that may have no end. */
const logs: fc.Arbitrary<NearValidRequest> = fc
  .tuple(
    fc.oneof(ids, oddIds),
    fc.record(
      {
        tail_lines: fc.constantFrom('0', '1', '10000', '10001', '-1', '1e2', '', '1&tail_lines=2'),
        since: fc.constantFrom('10m', '1ns', '0s', '1', '-1s', '', `${'9'.repeat(60)}h`, '1h&since=2h'),
        previous: fc.constantFrom('true', 'false', '1', ''),
        timestamps: fc.constantFrom('true', 'false', 'TRUE', ''),
        follow: fc.constantFrom('false', 'yes', ''),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([id, query]) => ({ method: 'GET', target: `/containers/${id}:logs?${queryOf(query)}`, headers: {} }));

function queryOf(parameters: Record<string, string>): string {
  return Object.entries(parameters)
    .map((pair) => pair.join('='))
    .join('&');
}

function lists(secret: string): fc.Arbitrary<NearValidRequest> {
  const sizes = fc.oneof(
    fc.integer({ min: 1, max: 1000 }).map(String),
    fc.constantFrom(
      '',
      '0',
      '-1',
      '1001',
      '1e2',
      '0x10',
      '1.0',
      ' 5',
      '5%20',
      '+5',
      '%2B5',
      '٣',
      'NaN',
      'null',
      '1&max_page_size=2',
      '9'.repeat(400),
    ),
    fc.string({ maxLength: 5 }).map(encodeURIComponent),
  );
  const tokens = fc.oneof(
    ids.map((id) => Buffer.from(`1:${id}`).toString('base64url')),
    fc.constantFrom('', 'x', '%00', 'MTo', 'MTo=', '1&page_token=2', secret, 'A'.repeat(2_000)),
    fc.string({ unit: 'binary', maxLength: 12 }).map((value) => encodeURIComponent(value.toWellFormed())),
  );
  const pieces = fc.constantFrom(
    ...['status', 'reconciling', 'spec.metadata.name', 'spec.metadata.labels', 'spec.image.reference', '.app', secret],
    ...[
      '=',
      '!=',
      ':',
      '*',
      '(',
      ')',
      ' AND ',
      ' OR ',
      'NOT ',
      '-',
      ' ',
      '"',
      "'",
      '\\',
      'RUNNING',
      'true',
      'web',
      '\0',
    ],
  );
  const filters = fc.oneof(
    fc.constantFrom('', 'status = RUNNING', '-spec.metadata.labels:app OR reconciling = true', '('.repeat(25)),
    fc.constantFrom('x'.repeat(2_048), 'x'.repeat(2_049)),
    fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
  );
  return fc
    .record(
      {
        ...{ max_page_size: sizes, page_token: tokens, filter: filters.map(encodeURIComponent) },
        unknown: fc.constant('x'),
      },
      { requiredKeys: [] },
    )
    .map((query) => ({
      method: 'GET',
      target: `/containers?${queryOf(query)}`,
      headers: {},
    }));
}
