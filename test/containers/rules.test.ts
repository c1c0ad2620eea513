/** The rules as such; what they say of whole requests is tested with the HTTP side. */
import fc from 'fast-check';
import t from 'tap';
import { maxViolations } from '../../src/containers/errors.ts';
import { escapePointer } from '../../src/containers/json.ts';
import { findIdViolations, findSpecViolations } from '../../src/containers/rules.ts';

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
