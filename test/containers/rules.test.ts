/** The rules as such; what they say of whole requests is tested with the HTTP side. */
import fc from 'fast-check';
import t from 'tap';
import { maxViolations } from '../../src/containers/errors.ts';
import { defaultHintPolicy } from '../../src/containers/hints.ts';
import { escapePointer } from '../../src/containers/json.ts';
import { findBodyViolations, findIdViolations, findSpecViolations } from '../../src/containers/rules.ts';

const labelled = (labels: object) => findSpecViolations({ metadata: { labels } }).map(({ pointer }) => pointer);

t.test('the rules say nothing of what the schema refuses, and never throw', (t) => {
  const members = [
    'metadata',
    'labels',
    'resources',
    'cpu',
    'memory',
    'min',
    'max',
    'process',
    'env',
    'network',
    'ports',
  ];
  const anything = fc.object({ key: fc.constantFrom(...members, 'name', 'container_port', '__proto__'), maxDepth: 4 });
  fc.assert(fc.property(fc.oneof(anything, fc.anything()), (spec) => Array.isArray(findSpecViolations(spec))));
  for (const spec of [undefined, null, 5, 'x', [], {}, { metadata: null }, { process: { env: [null, 5] } }]) {
    t.same(findSpecViolations(spec), []);
  }
  t.end();
});

t.test('only the path of the health is refused as an id', (t) => {
  t.match(findIdViolations('health'), [{ parameter: 'id' }]);
  for (const id of ['healthy', 'Health', '', undefined, ['health']]) t.same(findIdViolations(id), []);
  t.end();
});

t.test('keys of labels are those of Kubernetes', (t) => {
  const long = 'a'.repeat(63);
  const domain = `${`${'a'.repeat(49)}.`.repeat(5)}abc`;
  for (const key of ['a', 'A_b.c-d', long, 'example.com/x', `${domain}/${long}`, 'my-dcm.project/x', 'dcm.project']) {
    t.same(labelled({ [key]: '' }), [], key);
  }
  for (const key of ['', '/x', 'x/', 'a_b/x', 'A/x', `${domain}a/x`, `${long}a`, '.a', 'a.', 'a b', 'a\n', 'é']) {
    t.same(labelled({ [key]: '' }), [`/spec/metadata/labels/${escapePointer(key)}`], key);
  }
  t.end();
});

t.test('values of labels are those of Kubernetes', (t) => {
  for (const value of ['', 'a', 'A_b.c-d', '1', 'a'.repeat(63)]) t.same(labelled({ x: value }), [], value);
  for (const value of [' ', '-a', 'a-', 'a/b', 'a'.repeat(64), 'a\n'])
    t.same(labelled({ x: value }), ['/spec/metadata/labels/x']);
  t.end();
});

t.test('equal amounts of memory in other units are no violation', (t) => {
  const memory = (min: string, max: string) => findSpecViolations({ resources: { memory: { min, max } } });
  t.same(memory('1024MB', '1GB'), []);
  t.same(memory('1TB', '1024GB'), []);
  t.same(memory('8388607TB', '8388607TB'), []);
  t.match(memory('1025GB', '1TB'), [{ pointer: '/spec/resources/memory/min' }]);
  t.end();
});

t.test('every repetition of a port is told, with the first that it repeats', (t) => {
  const ports = [80, 81, 80, 80].map((port) => ({ container_port: port }));
  t.same(findSpecViolations({ network: { ports } }), [
    {
      detail: 'must not be the same as /spec/network/ports/0/container_port',
      pointer: '/spec/network/ports/2/container_port',
    },
    {
      detail: 'must not be the same as /spec/network/ports/0/container_port',
      pointer: '/spec/network/ports/3/container_port',
    },
  ]);
  t.end();
});

t.test('a port may stand once for each protocol', (t) => {
  const violations = (...ports: object[]) =>
    findSpecViolations({ network: { ports: ports.map((port) => ({ container_port: 53, ...port })) } });
  t.same(violations({}, { protocol: 'UDP' }), []);
  t.same(violations({ protocol: 'UDP' }, { protocol: 'TCP' }, { container_port: 54, protocol: 'UDP' }), []);
  t.match(violations({ protocol: 'TCP' }, {}), [{ pointer: '/spec/network/ports/1/container_port' }]);
  t.match(violations({}, { protocol: 'UDP' }, { protocol: 'UDP' }), [
    {
      detail: 'must not be the same as /spec/network/ports/1/container_port',
      pointer: '/spec/network/ports/2/container_port',
    },
  ]);
  t.same(violations({ protocol: { toString: 1 } }, { protocol: null }, { protocol: {} }), [], 'the schema tells those');
  t.end();
});

t.test('no more violations are looked for than are told', (t) => {
  const many = <Item>(item: Item): Item[] => Array<Item>(3 * maxViolations).fill(item);
  const members = (value: unknown) => Object.fromEntries(many(value).map((each, index) => [`${index}/`, each]));
  const specs: Record<string, object> = {
    labels: { metadata: { labels: members('') } },
    'variables of one name': { process: { env: many({ name: 'A' }) } },
    'ports that are the same': { network: { ports: many({ container_port: 1 }) } },
    'half surrogates': { process: { args: many('\ud800') } },
    selectors: { provider_hints: { kubernetes: { node_selector: members('') } } },
    tolerations: { provider_hints: { kubernetes: { tolerations: many({}) } } },
    volumes: { provider_hints: { kubernetes: { volumes: many({ mount_path: '/' }) } } },
  };
  for (const [name, spec] of Object.entries(specs)) t.equal(findSpecViolations(spec).length, maxViolations, name);
  t.end();
});

const cores = (min: unknown, max: unknown) => ({ resources: { cpu: { min, max } } });
const amounts = (min: unknown, max: unknown) => ({ resources: { memory: { min, max } } });
const half = 'a\ud800';

const rows: [sentence: string, spec: object, violations: Record<string, string>][] = [
  ['equal amounts of processor', cores('1000m', 1), {}],
  ['the least and the most of it', cores('1m', 1_000_000), {}],
  ['the most of it as text', cores('1000000', '1000000000m'), {}],
  ['less than the least', cores(2, '1999m'), { '/spec/resources/cpu/min': 'must be <= max' }],
  [
    'text that is more than the most',
    cores('1000001', '1000000001m'),
    {
      '/spec/resources/cpu/min': 'must be <= 1000000 cores',
      '/spec/resources/cpu/max': 'must be <= 1000000 cores',
    },
  ],
  ['one of them more than the most', cores('2000000', 1), { '/spec/resources/cpu/min': 'must be <= 1000000 cores' }],
  ['integers out of range, which the schema tells', cores(2_000_000, 0), {}],
  ['one amount of processor alone', cores('1', undefined), {}],
  [
    'no memory',
    amounts('0MB', '00TB'),
    { '/spec/resources/memory/min': 'must be more than zero', '/spec/resources/memory/max': 'must be more than zero' },
  ],
  [
    'memory past 63 bits',
    amounts('1MB', '8388608TB'),
    { '/spec/resources/memory/max': 'must be less than 2^63 bytes (8388608TB)' },
  ],
  ['less memory than the least', amounts('2GB', '2047MB'), { '/spec/resources/memory/min': 'must be <= max' }],
  [
    'memory of twelve characters',
    amounts('0000000002GB', '0000000001GB'),
    { '/spec/resources/memory/min': 'must be <= max' },
  ],
  ['memory of more characters, which the schema tells', amounts('00000000000GB', '1GB'), {}],
  [
    'reserved labels',
    { metadata: { labels: { 'dcm.project/a': '', 'service.kubernetes.io/a': '', 'pod-template-hash': '' } } },
    {
      '/spec/metadata/labels/dcm.project~1a': 'must not have a key under dcm.project/, which is reserved',
      '/spec/metadata/labels/service.kubernetes.io~1a':
        'must not have a key under service.kubernetes.io/, which is reserved',
      '/spec/metadata/labels/pod-template-hash': 'must not have the key pod-template-hash, which is reserved',
    },
  ],
  ['a label whose value the schema refuses', { metadata: { labels: { a: 5 } } }, {}],
  [
    'half of a surrogate pair',
    { process: { command: [half], args: ['a', half], env: [{ name: 'A', value: half }] } },
    {
      '/spec/process/command/0': 'must not have half of a surrogate pair',
      '/spec/process/args/1': 'must not have half of a surrogate pair',
      '/spec/process/env/0/value': 'must not have half of a surrogate pair',
    },
  ],
];

t.test('what the rules say', (t) => {
  for (const [sentence, spec, violations] of rows) {
    const told = findSpecViolations(spec).map(({ pointer, detail }) => [pointer, detail]);
    t.same(Object.fromEntries(told), violations, sentence);
  }
  t.match(findSpecViolations({ image: { reference: `a${half}` } }), [
    { pointer: '/spec/image/reference', detail: 'must not have half of a surrogate pair' },
    { pointer: '/spec/image/reference' },
  ]);
  t.end();
});

t.test('members are nested 500 levels deep at most, within the spec and beside it', (t) => {
  const nested = (levels: number, inner: unknown): unknown =>
    levels === 0 ? inner : nested(levels - 1, levels % 2 === 0 ? [0, inner] : { a: 0, b: inner });
  const detail = 'must not be more than 500 levels deep';
  for (const end of [{}, []]) {
    const deepest = nested(499, end);
    const deeper = nested(500, end);
    t.same(findBodyViolations({ spec: { x: deepest, y: 'z' }, other: deepest }, defaultHintPolicy), []);
    t.same(findBodyViolations({ spec: { 'x/y': deeper }, other: deeper }, defaultHintPolicy), [
      { detail, pointer: '/spec/x~1y' },
      { detail, pointer: '/other' },
    ]);
  }
  t.end();
});
